// What the page tells a person: how far it is, what it does, and what went wrong.

import { ServerError } from "./server.js";

const $ = (selector) => document.querySelector(selector);

export function progress(value) {
  $("#progress").hidden = false;
  $("#progress").value = value;
}

export function tell(text) {
  if ($("#status").textContent !== text) $("#status").textContent = text;
}

/** List what went wrong, below what is listed already; nothing is listed twice. */
export function complain(messages, anew = false) {
  const list = $("#problems ul");
  if (anew) list.replaceChildren();
  for (const message of messages) {
    if ([...list.children].some((item) => item.textContent === message)) continue;
    const item = document.createElement("li");
    item.textContent = message;
    list.append(item);
  }
  $("#problems").hidden = !list.children.length;
}

/** Tell of a server's error; that it does not answer is told once, and no longer than it is so. */
export function report(error) {
  complain([error.message]);
  if (error.status === 0) $("#problems li:last-child").dataset.gone = "";
}

document.addEventListener("server-answers", () => {
  $("#problems li[data-gone]")?.remove();
  $("#problems").hidden = !$("#problems li");
});

/** The work's result; an error of the server becomes a message, and undefined. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    report(error);
    return undefined;
  }
}
