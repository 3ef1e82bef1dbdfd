// The page: photos in, the group's job, results as they come.

import { Card } from "./card.js";
import { framing, onChoices, showChoices, threshold, view } from "./choices.js";
import { onFiles } from "./files.js";
import { correct, mark } from "./marking.js";
import { attempt, complain, progress, report, tell } from "./messages.js";
import * as server from "./server.js";

const $ = (selector) => document.querySelector(selector);
const cards = [];
const UPLOADS = 3; // at once
const POLL = 300; // milliseconds
const SAID = ["negative", "mark", "correction"]; // by a person, of a photo
const REFUSED = [409, 413, 422]; // answers after which the same request has no sense

let group = null;
let limits = null;
let searching = false; // a job is being started or runs
let wanted = 0; // counts the searches that were asked for; an older one gives way
let stale = false; // photos, or what was said of them, changed since the results
let adding = Promise.resolve();

// ------------------------------------------------------------------------------------------------ adding photos

/** Take files in: cards at once, uploads behind them, and a search when all are there. */
async function add(files) {
  files = [...files]; // the browser empties its own list
  await attempt(askLimits);
  files = admitted(files);
  if (!files.length) return;
  const actions = { mark: markOn, correct: correctOn, negate: negateOn, remove, trouble: report };
  const fresh = files.map((file) => new Card(file, actions));
  cards.push(...fresh);
  $("#cards").append(...fresh.map((card) => card.element));
  showPlaces();
  tell(fresh.length === 1 ? "Adding a photo" : `Adding ${fresh.length} photos`);
  progress(0);
  const reading = inTurn(fresh, (card) => card.read(), 1).then(showAll);
  adding = adding.then(() => reading).then(() => upload(fresh)).then(search);
}

/** Ask what the server takes in, until it has answered once. */
async function askLimits() {
  if (limits) return;
  limits = await server.limits();
  $("#cards").classList.toggle("no-negatives", !limits.negatives);
}

function admitted(files) {
  const refused = [];
  const kept = [...files].filter((file) => {
    if (!limits || file.size <= limits.file_bytes) return true;
    refused.push(`${file.name}: larger than ${Math.round(limits.file_bytes / 2 ** 20)} MB`);
    return false;
  });
  const room = limits ? Math.max(0, limits.photos - cards.length) : kept.length;
  if (kept.length > room) refused.push(`${kept.length - room} photos left out: a group has at most ${limits.photos}`);
  complain(refused);
  return kept.slice(0, room);
}

async function upload(fresh) {
  const refused = [];
  await attempt(async () => {
    group ??= await server.createGroup();
    let done = 0;
    await inTurn(fresh, async (card) => {
      if (!cards.includes(card)) return; // removed meanwhile
      try {
        card.id = (await server.upload(group, card.file)).id;
        await card.readFromServer(group);
        card.redraw();
        if (!cards.includes(card)) await server.removePhoto(group, card.id);
      } catch (error) {
        if (error.status !== 422) throw error;
        refused.push(error.message);
        drop(card);
      }
      progress(++done / fresh.length / 3);
    }, UPLOADS);
  });
  complain(refused);
}

/** `work` on every item, `most` at a time. */
async function inTurn(items, work, most) {
  const queue = [...items];
  const lane = async () => {
    while (queue.length) await work(queue.shift());
  };
  await Promise.all(Array.from({ length: most }, lane));
}

// ------------------------------------------------------------------------------------------------ searching

/** Run the group's job and show each map as it comes; a search that is asked for later takes over. */
async function search() {
  if (!cards.some((card) => card.id)) return settle(cards.length ? "" : "Add photos to begin");
  const mine = ++wanted;
  searching = true;
  stale = false;
  for (const card of cards) {
    card.fail("");
    card.busy = true;
  }
  showState();
  const ended = await attempt(async () => {
    await askLimits();
    await send();
    const first = await begin(mine);
    return first && follow(first, mine);
  });
  if (mine !== wanted) return;
  searching = false;
  for (const card of cards) {
    card.busy = false;
    card.redraw();
  }
  settle(ended ? conclusion(ended) : "");
}

/** Start the job: wait where the server is full, bring the photos again where it has deleted them. */
async function begin(mine) {
  while (mine === wanted) {
    try {
      return await server.startJob(group);
    } catch (error) {
      if (error.status === 503) {
        tell("The server is busy; waiting for a place");
        await pause(1000 * (error.retryAfter || 2));
      } else if (error.status === 404 && cards.some((card) => card.id)) {
        tell("The server has deleted the photos after a while; sending them again");
        group = null;
        for (const card of cards) card.lost();
        await upload(cards);
        await send();
      } else throw error;
    }
  }
}

async function follow(job, mine) {
  const shown = new Set();
  let rest = POLL / 6; // a few photos are done soon
  tell("Looking for what the photos share");
  for (;;) {
    for (const id of job.done) {
      const card = cards.find((other) => other.id === id);
      if (shown.has(id) || !card) continue;
      shown.add(id);
      if (job.negatives.includes(id)) card.foundNothing();
      else await card.readMap(group, job.presence[id]);
      if (mine !== wanted) return null;
    }
    for (const [id, reason] of Object.entries(job.failed)) cards.find((card) => card.id === id)?.fail(reason);
    progress((1 + job.read / job.total + job.done.length / job.total) / 3);
    showState();
    if (job.state !== "waiting" && job.state !== "running") return job;
    await pause(rest);
    rest = Math.min(POLL, 1.5 * rest);
    if (mine !== wanted) return null;
    job = await server.readJob(group);
  }
}

function conclusion(job) {
  if (job.state === "cancelled") return "Stopped";
  if (job.state === "failed") {
    complain([job.message]);
    return "Not found";
  }
  if (job.message) return job.message;
  const count = job.negatives.filter((id) => job.done.includes(id)).length;
  return `Done: ${plural(job.done.length - count)}${count ? `, against ${plural(count)} without the object` : ""}`;
}

const plural = (count) => (count === 1 ? "1 photo" : `${count} photos`);

async function stop() {
  await attempt(() => server.cancelJob(group));
}

// ------------------------------------------------------------------------------------------------ changing the group

function remove(card) {
  const next = card.element.nextElementSibling ?? card.element.previousElementSibling;
  drop(card);
  if (card.id) attempt(() => server.removePhoto(group, card.id));
  if (!cards.length) return startOver();
  next.querySelector(".remove").focus();
  changed(`${card.name} removed`);
}

function drop(card) {
  const index = cards.indexOf(card);
  if (index >= 0) cards.splice(index, 1);
  card.close();
  showPlaces();
}

async function markOn(card) {
  if (!card.photo) return;
  const painted = await mark(card);
  if (painted === undefined) return;
  card.painted("mark", painted);
  changed(painted ? `${card.name} marked` : `${card.name}: no mark`);
}

async function correctOn(card) {
  if (!card.map || searching) return;
  const painted = await correct(card, threshold());
  if (painted === undefined) return;
  card.painted("correction", painted);
  const taken = await attempt(() => say(card, "correction"));
  if (taken) tell(painted ? `${card.name} corrected` : `${card.name}: as it was found`);
  card.redraw();
  showState();
}

/** A photo shows what the object is not, or may show the object after all. The photo's own result follows at once. */
async function negateOn(card) {
  const before = stale;
  card.negate(!card.negative);
  changed(card.negative ? `${card.name} is not the object` : `${card.name} counts again`);
  if ((await attempt(() => say(card, "negative", "mark"))) !== false) return;
  stale = before;
  tell(`${card.name} counts as before`);
  showState();
}

/** Send what was said of the photos. */
async function send() {
  for (const card of cards) await say(card, ...SAID);
}

/** Send what was said of a photo, of these kinds; what the server refuses is reported and taken back on the page, and
 * the rest is sent. Resolves to whether all of it was taken. */
async function say(card, ...kinds) {
  for (let taken = true; ; taken = false) {
    try {
      await card.send(group, ...kinds);
      return taken;
    } catch (error) {
      if (!REFUSED.includes(error.status)) throw error;
      complain([`${card.name}: ${error.message}`]);
      card.refused(error.kind);
    }
  }
}

function changed(what) {
  stale = true;
  tell(searching ? what : `${what}. Find again to take it into account.`);
  showState();
}

function startOver() {
  wanted++;
  searching = stale = false;
  if (group) server.deleteGroup(group);
  group = null;
  cards.splice(0).forEach((card) => card.close());
  complain([], true);
  showPlaces();
  settle("");
  $("#drop .button").focus();
}

// ------------------------------------------------------------------------------------------------ what is shown

function showAll() {
  showChoices();
  $("#cards").dataset.view = view();
  showState();
}

function showPlaces() {
  $("#drop").hidden = cards.length > 0;
  $("#work").hidden = !cards.length;
}

function showState() {
  const found = cards.some((card) => card.found);
  const find = $("#find");
  find.textContent = searching ? "Stop" : found ? "Find again" : "Find the object";
  find.disabled = !searching && !cards.some((card) => card.id);
  find.classList.toggle("main", searching || stale || !found);
  const zip = $("#zip");
  const ready = found && !searching;
  zip.setAttribute("aria-disabled", String(!ready));
  if (ready) zip.href = server.zipAddress(group, { threshold: threshold(), ...framing() });
  else zip.removeAttribute("href");
  for (const card of cards) card.show(group, view(), { threshold: threshold(), framing: framing() });
}

function settle(text) {
  $("#progress").hidden = true;
  tell(text);
  showState();
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// ------------------------------------------------------------------------------------------------ wiring

onFiles(add);
onChoices(showAll);
$("#find").addEventListener("click", () => (searching ? stop() : search()));
$("#clear").addEventListener("click", startOver);
$("#problems button").addEventListener("click", () => complain([], true));
addEventListener("pagehide", () => {
  if (group) server.deleteGroup(group);
});
addEventListener("pageshow", (event) => {
  if (event.persisted && cards.length) search(); // back again: the photos are sent anew
});

await attempt(askLimits);
showAll(); // a reloaded page keeps its choices
