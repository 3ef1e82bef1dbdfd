// Asks for one point after the other. The server has the answers; this window shows them at once and sends each on.

import { View } from "./view.js";

const AHEAD = 6; // images loaded before they are needed
const REST = 120; // ms after a new point in which no answer counts: nobody has seen it yet
const POLL = 2000; // ms between two questions to the server about other windows
const WORDS = new Map([[1, "on the object"], [0, "not on the object"], ["skip", "skipped"], [null, "open"]]);

const $ = (id) => document.getElementById(id);
const view = new View($("image"), $("inset"));
const loaded = new Map(); // number of an image -> promise of it
const queue = []; // answers that the server has not confirmed
const past = []; // points in the order of their answers, for undo
let state = null;
let current = null;
let turn = 0; // counts what was shown
let seen = false; // whether the current point has been on the screen long enough

const isOpen = (point) => state.answers[point] === null;

function load(number) {
  if (!loaded.has(number)) {
    const image = new Image();
    image.src = `image/${state.session}/${number}`;
    loaded.set(number, image.decode().then(() => image));
    loaded.get(number).catch(() => loaded.delete(number)); // so that it is tried again
    if (loaded.size > 3 * AHEAD) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(number);
}

function loadAhead() {
  const wanted = new Set();
  for (let point = current; point < state.points.length && wanted.size <= AHEAD; point++)
    if (isOpen(point)) wanted.add(state.points[point][0]);
  for (const number of wanted) load(number).catch(() => {});
}

function nextOpen(after) {
  const count = state.points.length;
  for (let step = 1; step <= count; step++) if (isOpen((after + step) % count)) return (after + step) % count;
  return null;
}

async function show(point) {
  const own = ++turn;
  current = point;
  setSeen(false);
  paint();
  if (point === null) return;
  const [number, x, y] = state.points[point];
  const [name, width, height] = state.images[number];
  $("name").textContent = name;
  $("image").setAttribute("aria-label", `${name}, point at ${x}, ${y} of ${width} by ${height} pixels`);
  let image = null;
  try {
    image = await load(number);
  } catch { /* told below */ }
  if (own !== turn) return;
  $("missing").hidden = image !== null;
  if (image) {
    view.show(image, [width, height], [x, y], otherAnswers());
  } else {
    $("missing").textContent = `${name} cannot be read, or was replaced. Put it back, or skip its points.`;
    view.clear();
  }
  setTimeout(() => own === turn && setSeen(true), REST);
  paint();
  loadAhead();
}

function setSeen(value) {
  seen = value;
  $("stage").setAttribute("aria-busy", !value);
}

const isAnswer = (answer) => answer === 0 || answer === 1;

// The other answers in the current image: [x, y, answer] each.
function otherAnswers() {
  const number = state.points[current]?.[0];
  return state.points.flatMap(([other, x, y], point) =>
    other === number && point !== current && isAnswer(state.answers[point]) ? [[x, y, state.answers[point]]] : []);
}

// Everything but the image: progress, the other answers, and which buttons can be pressed.
function paint() {
  if (seen) view.mark(otherAnswers());
  const answered = state.answers.filter(isAnswer).length;
  const skipped = state.answers.filter((answer) => answer === "skip").length;
  const total = state.points.length;
  const left = new Set(state.points.filter((_, point) => isOpen(point)).map(([number]) => number)).size;
  $("bar").max = total;
  $("bar").value = answered;
  $("count").textContent = `${answered} of ${total} points`;
  $("left").textContent = `${skipped ? `${skipped} skipped · ` : ""}${left} of ${state.images.length} images left`;
  document.title = `${answered}/${total} cosod label`;
  const finished = current === null;
  if (finished && $("done").hidden) queueMicrotask(() => document.querySelector("#done h1").focus());
  $("work").hidden = finished;
  $("done").hidden = !finished;
  $("sum").textContent = `${answered} of ${total} points answered${skipped ? `, ${skipped} skipped` : ""}.`;
  document.querySelector("#done h1").textContent = skipped ? "No open points are left" : "All points are answered";
  $("again").hidden = !skipped;
  $("next").textContent = skipped ? state.next_skipped : state.next;
  $("yes").disabled = $("no").disabled = !$("missing").hidden;
  $("undo").disabled = $("back").disabled = !past.some((point) => !isOpen(point));
}

// An answer of this window: seen at once, sent behind.
function record(point, answer) {
  queue.push({ session: state.session, point, answer, was: state.answers[point] });
  state.answers[point] = answer;
  send();
}

function give(answer, button) {
  if (current === null || !seen || button.disabled) return;
  flash(button);
  notify("");
  record(current, answer);
  past.push(current);
  show(nextOpen(current));
  speak(`${WORDS.get(answer)}. ${$("count").textContent}`);
}

function undo() {
  let point;
  do point = past.pop(); while (point !== undefined && isOpen(point));
  if (point === undefined) return;
  flash($("undo"));
  notify("");
  record(point, null);
  show(point);
  speak(`taken back. ${$("count").textContent}`);
}

function askSkippedAgain() {
  state.answers.forEach((answer, point) => answer === "skip" && record(point, null));
  show(nextOpen(-1));
}

let sending = false;

async function send() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    const [status, reply] = await post(queue[0]);
    if (status >= 500) { // the server is away, or its disk is full: nothing is lost here
      trouble(`Not saved yet: ${reply.detail}. Answers waiting in this window: ${queue.length}.`);
      await new Promise((resolve) => setTimeout(resolve, POLL));
      continue;
    }
    const { point } = queue.shift();
    if (status === 200) trouble("");
    else if (status === 409) contradicted(point, reply);
    else {
      queue.length = 0;
      trouble(`This answer was refused: ${reply.detail}`);
    }
  }
  sending = false;
}

async function post(answer) {
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch("api/answer", { method: "POST", headers, body: JSON.stringify(answer) });
    return [response.status, await response.json()];
  } catch {
    return [599, { detail: "the program does not answer; start it again if it was stopped" }];
  }
}

function contradicted(point, { answer }) {
  state.answers[point] = answer;
  const words = WORDS.get(answer);
  notify(`Another window answered this point: ${words}. That answer stands; undo (u) takes it back and asks again.`);
  if (!past.includes(point)) past.push(point);
  paint();
}

// What other windows answered since.
async function catchUp() {
  if (document.hidden) return;
  try {
    const reply = await (await fetch(`api/changes?since=${state.version}`)).json();
    if (reply.session !== state.session) trouble("Other points are asked for now; reload this page.");
    else if (reply.started !== state.started) await reload(); // versions begin anew
    else {
      state.version = reply.version;
      merge(reply.changes);
    }
  } catch { /* told when there is something to send */ }
}

function merge(changes) {
  const own = new Set(queue.map(({ point }) => point));
  for (const [point, answer] of changes) if (!own.has(point)) state.answers[point] = answer;
  if (current === null ? state.answers.includes(null) : !isOpen(current)) {
    if (current !== null) notify(`Answered in another window: ${WORDS.get(state.answers[current])}.`);
    show(nextOpen(current ?? -1));
  } else paint();
}

async function reload() {
  const fresh = await (await fetch("api/state")).json();
  Object.assign(state, { started: fresh.started, version: fresh.version });
  merge(fresh.answers.map((answer, point) => [point, answer]));
}

function trouble(text) {
  $("trouble").hidden = !text;
  if ($("trouble").textContent !== text) $("trouble").textContent = text;
}

function notify(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text;
  if (text) speak(text);
}

function speak(text) {
  $("spoken").textContent = text;
}

function flash(button) {
  button.classList.add("pressed");
  setTimeout(() => button.classList.remove("pressed"), REST);
}

const KEYS = {
  1: () => give(1, $("yes")),
  0: () => give(0, $("no")),
  s: () => give("skip", $("skip")),
  u: undo,
  backspace: undo,
  f: () => view.fit(),
  "+": () => view.zoom(1.5),
  "=": () => view.zoom(1.5),
  "-": () => view.zoom(1 / 1.5),
  arrowleft: () => view.move(60, 0),
  arrowright: () => view.move(-60, 0),
  arrowup: () => view.move(0, 60),
  arrowdown: () => view.move(0, -60),
};

addEventListener("keydown", (event) => {
  const digit = { Digit0: "0", Digit1: "1" }[event.code]; // keyboards on which digits need the shift key
  const action = KEYS[digit ?? event.key.toLowerCase()];
  if (!action || !state || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const moves = /^(arrow.*|[-+=])$/i.test(event.key);
  if (moves || !event.repeat) action(); // a key that is held down answers one point
});
for (const [id, key] of [["yes", 1], ["no", 0], ["skip", "s"], ["undo", "u"], ["back", "u"]])
  $(id).addEventListener("click", () => state && KEYS[key]());
$("again").addEventListener("click", askSkippedAgain);
$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("next").textContent).then(() => notify("Copied."), () => notify("Select it and copy it by hand."));
});
addEventListener("beforeunload", (event) => queue.length && event.preventDefault());

try {
  state = await (await fetch("api/state")).json();
  past.push(...state.order);
  await show(nextOpen(state.order.at(-1) ?? -1));
  setInterval(catchUp, POLL);
  document.addEventListener("visibilitychange", catchUp);
} catch {
  trouble("The points cannot be loaded; start the program again and reload this page.");
}
