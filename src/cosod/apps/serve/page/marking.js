// The dialog in which a person paints: marks the object for the search, or corrects what was found.

import { BACKGROUND, OBJECT, OPEN, Painting, corrected, drawStroke } from "./painting.js";
import { drawPhoto, drawView, enlarged } from "./pictures.js";
import { Zooming } from "./zooming.js";

const dialog = document.querySelector("#marking");
const $ = (selector) => dialog.querySelector(selector);
const stage = $(".stage");
const [under, paint, cursor] = ["under", "paint", "cursor"].map((name) => stage.querySelector(`.${name}`));
const size = $("#brush");
const exact = $("#mark-exact");
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 1.5; // of the zoom
/** Longest side in pixels of the layer that is painted on. */
const PAINT_SIDE = 1440;
const TEXTS = {
  mark: {
    title: "Mark the object in",
    help: "Paint over the object. In this photo it is what you paint; the next search looks for it in all photos.",
    tools: ["Object", "Not the object", "Eraser"],
    save: "Save mark",
  },
  correct: {
    title: "Correct the result in",
    help: "Paint what is missing, and what does not belong to the object. All views of this photo follow.",
    tools: ["Add", "Remove", "As found"],
    save: "Save correction",
  },
};

let finished = null;
let card = null;
let mode = "mark";
let threshold = 0.5;
let painting = null;
let sharp = false; // the photo is shown at more than its working size
let at = [0.5, 0.5]; // the brush, in shares of width and height

const zooming = new Zooming(stage, $(".sheet"), () => {
  showCursor();
  $("#zoom-out").disabled = $("#zoom-fit").disabled = zooming.zoom === 1;
  if (zooming.zoom > 1.2) sharpen();
});

/** Let a person mark the object in the card's photo. Resolves to a painting, null for none, undefined if cancelled. */
export const mark = (of) => open("mark", of, of.mark);

/** Let a person correct the card's map; resolves as `mark` does. */
export const correct = (of, at) => open("correct", of, of.correction, at);

function open(asked, of, earlier, limit = 0.5) {
  [mode, card, threshold, sharp, at] = [asked, of, limit, false, [0.5, 0.5]];
  const { width, height } = card.photo;
  painting = earlier?.copy() ?? new Painting(width, height, mode === "mark" && exact.checked);
  exact.checked = painting.exact;
  $("#mark-outline").hidden = mode !== "mark";
  const text = TEXTS[mode];
  $("h2").textContent = `${text.title} ${card.name}`;
  $("#marking-what").textContent = text.help;
  $("#mark-save").textContent = text.save;
  dialog.querySelectorAll("[name=tool] + span").forEach((label, i) => (label.textContent = text.tools[i]));
  $(`[name=tool][value=${OBJECT}]`).checked = true;
  refuse("");
  const scale = PAINT_SIDE / Math.max(width, height);
  paint.width = Math.round(width * scale);
  paint.height = Math.round(height * scale);
  dialog.showModal();
  place();
  repaint();
  stage.focus();
  return new Promise((resolve) => (finished = resolve));
}

/** Make the stage as large as the dialog has room for, in the shape of the photo. */
function place() {
  if (!dialog.open) return;
  const { width, height } = card.photo;
  const room = $(".bench");
  const scale = Math.min(room.clientWidth / width, room.clientHeight / height);
  stage.style.width = `${Math.floor(width * scale)}px`;
  stage.style.height = `${Math.floor(height * scale)}px`;
  cursor.width = stage.clientWidth;
  cursor.height = stage.clientHeight;
  zooming.fit();
}

/** The photo itself in place of its reduced copy, once somebody looks closer. */
async function sharpen() {
  if (sharp) return;
  sharp = true;
  const of = card;
  const larger = await enlarged(of.file).catch(() => null); // a kind that only the server can read
  if (larger && of === card && dialog.open && mode === "mark") drawPhoto(under, larger);
}

const colors = () => {
  const style = getComputedStyle(document.documentElement);
  return { [OBJECT]: style.getPropertyValue("--accent"), [BACKGROUND]: style.getPropertyValue("--not"), [OPEN]: null };
};

/** Everything anew: the photo (with the corrected object, where that is what is painted on), and the strokes. */
function repaint() {
  const { photo } = card;
  if (mode === "correct") {
    drawView(under, "overlay", photo, corrected(card.found, painting, photo.width, photo.height), threshold);
  } else if (!sharp) drawPhoto(under, photo);
  paint.getContext("2d").clearRect(0, 0, paint.width, paint.height);
  painting.draw(paint, colors());
  paint.classList.toggle("faint", mode === "correct");
  $("#mark-undo").disabled = !painting.canUndo;
  $("#mark-clear").disabled = painting.empty;
  showCursor();
}

const tool = () => dialog.querySelector("[name=tool]:checked").value;
const radius = () => Number(size.value) / 100 / zooming.zoom; // as large on the screen whatever the zoom
const inSides = ([across, down]) => [across * painting.aspect[0], down * painting.aspect[1]];

function begin() {
  refuse("");
  painting.begin(tool(), radius(), inSides(at));
  drawLast();
}

function drawLast() {
  const stroke = painting.strokes.at(-1);
  const context = paint.getContext("2d");
  drawStroke(context, stroke, colors()[stroke.tool], Math.max(paint.width, paint.height), Math.max(0, stroke.points.length - 2));
  context.globalCompositeOperation = "source-over";
}

function paintTo(place) {
  at = place;
  painting.extend(inSides(at));
  drawLast();
}

function showCursor() {
  const context = cursor.getContext("2d");
  context.clearRect(0, 0, cursor.width, cursor.height);
  if (!painting) return;
  const [x, y] = zooming.onStage(at);
  const across = radius() * zooming.zoom * Math.max(cursor.width, cursor.height);
  for (const [line, width] of [["white", 4], ["black", 1.5]]) {
    context.strokeStyle = line;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, across, 0, 2 * Math.PI);
    context.stroke();
  }
}

function undo() {
  painting.undo();
  refuse("");
  repaint();
}

// ------------------------------------------------------------------------------------------------ pointers and keys

const pointers = new Map(); // id -> [x, y] on the stage
let drawing = null; // id of the pointer that paints
let moving = null; // id of the one that moves the enlarged view

stage.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  stage.focus({ focusVisible: false });
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, zooming.ofEvent(event));
  if (pointers.size === 2 && drawing !== null) { // the second finger: what the first painted was meant to be a grip
    drawing = null;
    undo();
  } else if (event.button) moving = event.pointerId;
  else if (pointers.size === 1) {
    drawing = event.pointerId;
    at = zooming.onSheet(pointers.get(event.pointerId));
    begin();
  }
});

stage.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  const here = zooming.ofEvent(event);
  if (!before) at = zooming.onSheet(here); // a mouse that hovers shows the brush
  else if (pointers.size === 2) pinch(event.pointerId, before, here);
  else if (event.pointerId === moving) zooming.move(here[0] - before[0], here[1] - before[1]);
  else if (event.pointerId === drawing) for (const step of steps(event)) paintTo(zooming.onSheet(zooming.ofEvent(step)));
  if (before) pointers.set(event.pointerId, here);
  showCursor();
});

const steps = (event) => {
  const all = event.getCoalescedEvents?.() ?? [];
  return all.length ? all : [event];
};

function pinch(id, before, here) {
  const [[, other]] = [...pointers].filter(([key]) => key !== id);
  const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
  const middle = (place) => [(place[0] + other[0]) / 2, (place[1] + other[1]) / 2];
  const [from, to] = [middle(before), middle(here)];
  zooming.move(to[0] - from[0], to[1] - from[1]);
  zooming.by(apart(here) / Math.max(1, apart(before)), to);
}

function release(event) {
  pointers.delete(event.pointerId);
  if (event.pointerId === moving) moving = null;
  if (event.pointerId !== drawing) return;
  drawing = null;
  repaint();
}
for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, release);
stage.addEventListener("contextmenu", (event) => event.preventDefault());
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  zooming.by(STEP ** (-event.deltaY / 200), zooming.ofEvent(event));
}, { passive: false });

addEventListener("keydown", (event) => { // wherever the focus is: a button that was turned off has lost it
  if (dialog.open && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    undo();
  }
});

stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const direction = ARROWS[event.key];
  if (direction) {
    const step = Math.max(0.006, radius() / 2);
    const clamp = (value) => Math.min(1, Math.max(0, value));
    const to = at.map((value, i) => clamp(value + (direction[i] * step) / painting.aspect[i]));
    if (event.shiftKey) {
      begin();
      paintTo(to);
      repaint();
    }
    at = to;
    zooming.reveal(at);
  } else if (event.key === " ") {
    begin();
    repaint();
  } else if (event.key === "+" || event.key === "=") zooming.by(STEP, zooming.onStage(at));
  else if (event.key === "-") zooming.by(1 / STEP, zooming.onStage(at));
  else if (event.key === "0") zooming.fit();
  else return;
  event.preventDefault();
  showCursor();
});

// ------------------------------------------------------------------------------------------------ the buttons

function refuse(text) {
  $("#mark-trouble").textContent = text;
  $("#mark-trouble").hidden = !text;
}

/** Why this painting cannot be saved, or nothing. */
function wrong() {
  if (painting.empty) return "";
  const { object, background } = painting.shares();
  if (mode === "correct") return object || background ? "" : "Nothing is painted; paint, or press Clear.";
  if (!object) return "Nothing is marked as the object; paint over it, or press Clear.";
  return object === 1 ? "The whole photo is marked; leave what is not the object free." : "";
}

function save() {
  const reason = wrong();
  if (reason) return refuse(reason);
  finish(painting.empty ? null : painting);
}

function finish(result) {
  const resolve = finished;
  finished = drawing = moving = null;
  pointers.clear();
  if (dialog.open) dialog.close();
  resolve?.(result);
}

size.addEventListener("input", showCursor);
exact.addEventListener("change", () => (painting.exact = exact.checked));
$("#zoom-in").addEventListener("click", () => zooming.by(STEP));
$("#zoom-out").addEventListener("click", () => zooming.by(1 / STEP));
$("#zoom-fit").addEventListener("click", () => zooming.fit());
$("#mark-undo").addEventListener("click", undo);
$("#mark-clear").addEventListener("click", () => {
  painting.clear();
  refuse("");
  repaint();
});
$("#mark-cancel").addEventListener("click", () => finish(undefined));
$("#mark-save").addEventListener("click", save);
dialog.addEventListener("close", () => finish(undefined)); // Escape
addEventListener("resize", place);
