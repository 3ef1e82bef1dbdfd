// The dialog in which the object is marked on a photo.

import { canvasOf, drawPhoto } from "./pictures.js";

const dialog = document.querySelector("#marking");
const stage = dialog.querySelector(".stage");
const [under, paint, cursor] = ["under", "paint", "cursor"].map((name) => stage.querySelector(`.${name}`));
const size = dialog.querySelector("#brush");
const colour = () => getComputedStyle(document.documentElement).getPropertyValue("--accent");
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let finished = null;
let at = { x: 0, y: 0 };

/** Let a person paint on the card's photo. Resolves to the mark: a canvas, null for none, undefined if cancelled. */
export function mark(card) {
  dialog.querySelector("h2").textContent = `Mark the object in ${card.name}`;
  drawPhoto(under, card.photo);
  for (const canvas of [paint, cursor]) {
    canvas.width = under.width;
    canvas.height = under.height;
  }
  if (card.paint) paint.getContext("2d").drawImage(card.paint, 0, 0);
  at = { x: under.width / 2, y: under.height / 2 };
  showCursor();
  dialog.showModal();
  stage.focus();
  return new Promise((resolve) => (finished = resolve));
}

/** The mark as a PNG, white on black. */
export function asMask(painted) {
  const canvas = canvasOf(painted.width, painted.height);
  const context = canvas.getContext("2d");
  context.drawImage(painted, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

const radius = () => (Number(size.value) / 100) * Math.max(paint.width, paint.height);

/** Paint, or erase, from one place to another. */
function stroke(from, to) {
  const context = paint.getContext("2d");
  const erasing = dialog.querySelector("[name=tool]:checked").value === "eraser";
  context.globalCompositeOperation = erasing ? "destination-out" : "source-over";
  context.strokeStyle = colour();
  context.lineWidth = 2 * radius();
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x + 0.01, to.y);
  context.stroke();
}

function showCursor() {
  const context = cursor.getContext("2d");
  context.clearRect(0, 0, cursor.width, cursor.height);
  for (const [line, width] of [["white", 5], ["black", 2]]) {
    context.strokeStyle = line;
    context.lineWidth = width;
    context.beginPath();
    context.arc(at.x, at.y, radius(), 0, 2 * Math.PI);
    context.stroke();
  }
}

function place(event) {
  const box = under.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * paint.width, y: ((event.clientY - box.top) / box.height) * paint.height };
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  stage.setPointerCapture(event.pointerId);
  at = place(event);
  stroke(at, at);
});
stage.addEventListener("pointermove", (event) => {
  if (!stage.hasPointerCapture(event.pointerId)) return;
  for (const step of event.getCoalescedEvents?.() ?? [event]) {
    const to = place(step);
    stroke(at, to);
    at = to;
  }
  showCursor();
});

stage.addEventListener("keydown", (event) => {
  const direction = ARROWS[event.key];
  if (direction) {
    const step = Math.max(4, radius() / 2);
    const clamp = (value, most) => Math.min(most, Math.max(0, value));
    const to = { x: clamp(at.x + direction[0] * step, paint.width), y: clamp(at.y + direction[1] * step, paint.height) };
    if (event.shiftKey) stroke(at, to);
    at = to;
  } else if (event.key === " ") stroke(at, at);
  else return;
  event.preventDefault();
  showCursor();
});
size.addEventListener("input", showCursor);

function finish(result) {
  const resolve = finished;
  finished = null;
  if (dialog.open) dialog.close();
  resolve?.(result);
}

function painted() {
  const context = paint.getContext("2d", { willReadFrequently: true });
  const pixels = context.getImageData(0, 0, paint.width, paint.height).data;
  if (!pixels.some((value, i) => i % 4 === 3 && value > 127)) return null;
  const copy = canvasOf(paint.width, paint.height);
  copy.getContext("2d").drawImage(paint, 0, 0);
  return copy;
}

dialog.querySelector("#mark-clear").addEventListener("click", () => paint.getContext("2d").clearRect(0, 0, paint.width, paint.height));
dialog.querySelector("#mark-cancel").addEventListener("click", () => finish(undefined));
dialog.querySelector("#mark-save").addEventListener("click", () => finish(painted()));
dialog.addEventListener("close", () => finish(undefined)); // Escape
