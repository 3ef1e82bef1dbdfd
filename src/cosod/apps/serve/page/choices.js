// What is chosen beside the photos: the view, the threshold, and background and size of cut-outs.

const $ = (selector) => document.querySelector(selector);

export const view = () => $("[name=view]:checked").value;
export const threshold = () => Number($("#threshold").value);

/** Background and size of cut-outs, as the server takes them. */
export function framing() {
  const chosen = {};
  const background = $("#background").value;
  if (background) chosen.background = background === "own" ? $("#color").value : background;
  const size = $("#size").value;
  if (size === "trim") chosen.padding = 0.06;
  else if (size) chosen.size = size === "own" ? `${length("#size-width")}x${length("#size-height")}` : size;
  return chosen;
}

/** Show the controls that the present choices need. */
export function showChoices() {
  $("#framing").hidden = view() !== "cutout";
  $("#own-color").hidden = $("#background").value !== "own";
  $("#own-size").hidden = $("#size").value !== "own";
  $("#threshold-value").value = threshold().toFixed(2);
  $("#threshold").disabled = ["photo", "map"].includes(view());
}

/** Call `changed` whenever a choice changes. */
export function onChoices(changed) {
  for (const id of ["threshold", "color", "size-width", "size-height"]) $(`#${id}`).addEventListener("input", changed);
  for (const id of ["background", "size"]) $(`#${id}`).addEventListener("change", changed);
  for (const choice of document.querySelectorAll("[name=view]")) choice.addEventListener("change", changed);
}

const length = (selector) => Math.min(4096, Math.max(1, Math.round(Number($(selector).value)) || 1));
