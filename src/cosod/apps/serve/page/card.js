// One photo of the page: its state, and the card that shows it.

import { corrected } from "./painting.js";
import { SIDE, canvasOf, drawPhoto, drawPicture, drawView, mapValues, working } from "./pictures.js";
import * as server from "./server.js";

const template = document.querySelector("#card");
/** Pause after the last change before the server is asked for a picture of its own. */
const REST = 350;
/** Views that the server makes better than the page, or alone. */
const FROM_SERVER = { cutout: 600, thumbnail: 480 };
/** Presence below which a photo is said to lack the object. */
const ABSENT = 0.5;
/** Backgrounds of cut-outs that the page can show by itself. */
const PLAIN = /^(white|black|#[0-9a-f]{6})$/i;
const NAMES = { photo: "photo", map: "map", mask: "mask", cutout: "cut-out", thumbnail: "thumbnail", overlay: "overlay" };

/** Cards out of sight are not drawn, so that a large group follows the slider too. */
const cards = new WeakMap();
const watcher = new IntersectionObserver(
  (entries) => entries.forEach((entry) => (cards.get(entry.target).visible = entry.isIntersecting)),
  { rootMargin: "300px" },
);

export class Card {
  /** Id on the server, once uploaded. */
  id = null;
  /** The photo at working size, a canvas. */
  photo = null;
  /** Values of the map, one a pixel of `photo`: as it was found, and as it was corrected. */
  found = null;
  map = null;
  /** What was painted to show the object, and to correct the map; whether the photo shows what the object is not, in
   * which case the two others rest; and which of the three kinds the server does not have yet. */
  mark = null;
  correction = null;
  negative = false;
  unsent = new Set();
  /** Probability that the object is in the photo at all, where the server knows it. */
  presence = undefined;
  error = "";
  #busy = true;
  #visible = true;
  #shown = {};
  #drawing = 0;
  #asking = 0;
  #asked = new AbortController();
  #sending = Promise.resolve();

  /** `actions`: what to do on `mark`, `correct`, `negate` and `remove`, each given the card, and on `trouble`, given an
   * error. */
  constructor(file, actions) {
    this.file = file;
    this.trouble = actions.trouble;
    this.element = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    this.parts = { canvas: find("canvas"), picture: find(".picture"), badge: find(".badge"), save: find(".save"), correct: find(".correct"), negate: find(".negate"), trouble: find(".trouble") };
    find(".name").textContent = find(".name").title = file.name;
    for (const [selector, label] of [[".picture", "Mark the object in"], [".mark", "Mark the object in"], [".save", "Save"], [".correct", "Correct the result in"], [".negate", "Not this object:"], [".remove", "Remove"]])
      find(selector).setAttribute("aria-label", `${label} ${file.name}`);
    for (const [selector, label] of [[".mark", "Mark the object"], [".save", "Save this view"], [".correct", "Correct the result"], [".negate", "Not this object"], [".remove", "Remove this photo"]])
      find(selector).title = label;
    this.parts.picture.addEventListener("click", () => actions.mark(this));
    find(".mark").addEventListener("click", () => actions.mark(this));
    find(".correct").addEventListener("click", () => actions.correct(this));
    find(".negate").addEventListener("click", () => actions.negate(this));
    find(".remove").addEventListener("click", () => actions.remove(this));
    cards.set(this.element, this);
    watcher.observe(this.element);
  }

  get name() {
    return this.file.name;
  }

  /** Read the photo in the browser; kinds that it cannot read are asked from the server after the upload. */
  async read() {
    try {
      this.photo = working(await createImageBitmap(this.file));
      this.#placed();
    } catch {
      this.photo = null;
    }
  }

  async readFromServer(group) {
    if (this.photo) return;
    this.photo = working(await server.picture(server.viewAddress(group, this.id, "photo", { side: SIDE })));
    this.#placed();
  }

  async readMap(group, presence) {
    const bitmap = await server.picture(server.viewAddress(group, this.id, "map", { side: SIDE, as_found: true }));
    this.found = mapValues(bitmap, this.photo);
    this.presence = presence;
    this.busy = false;
    this.correctMap();
  }

  /** The job took this photo for one of what the object is not. */
  foundNothing() {
    this.found = null;
    this.presence = undefined;
    this.busy = false;
    this.correctMap();
  }

  /** Apply the correction to what was found; a negative photo shows nothing. */
  correctMap() {
    if (!this.photo) return;
    const { width, height } = this.photo;
    if (this.negative) this.map = new Uint8Array(width * height);
    else this.map = this.found && corrected(this.found, this.correction, width, height);
    this.redraw();
  }

  /** Say that the photo shows what the object is not, or take that back, to be sent. */
  negate(negative) {
    this.negative = negative;
    this.unsent.add("negative");
    if (this.mark) this.unsent.add("mark"); // the server keeps no mark of a negative photo
    this.parts.negate.setAttribute("aria-pressed", String(negative));
    this.parts.negate.title = negative ? "Not this object: take that back" : "Not this object";
    this.correctMap();
  }

  /** Keep what was painted, "mark" or "correction", to be sent. */
  painted(kind, painting) {
    this[kind] = painting;
    this.unsent.add(kind);
    if (painting && this.negative) this.negate(false); // who paints the object says that it is there
    if (kind === "correction") this.correctMap();
    this.redraw();
  }

  /** Send those of `kinds` that the server does not have yet, one after the other. */
  send(group, ...kinds) {
    const sent = this.#sending.then(async () => {
      // No photo is marked or corrected while it is negative, nor becomes negative while it is marked.
      const order = this.negative ? ["mark", "negative"] : ["negative", "mark", "correction"];
      for (const kind of order) if (kinds.includes(kind)) await this.#send(group, kind);
    });
    this.#sending = sent.catch(() => {}); // whoever asked for it hears of the error
    return sent;
  }

  async #send(group, kind) {
    if (!this.id || !this.unsent.has(kind)) return;
    this.unsent.delete(kind); // at once: it may change while it is on its way
    const said = kind === "mark" && this.negative ? null : this[kind];
    try {
      if (kind === "negative") await server.setNegative(group, this.id, said);
      else await server.setPainting(group, this.id, kind, said && said.png());
    } catch (error) {
      this.unsent.add(kind);
      error.kind = kind;
      throw error;
    }
  }

  /** Forget what the server refused. */
  refused(kind) {
    if (kind === "negative") this.negate(false);
    else this[kind] = null;
    this.unsent.delete(kind);
    this.correctMap();
  }

  /** The server has lost everything of this photo. */
  lost() {
    this.id = null;
    for (const kind of ["mark", "correction", "negative"]) if (this[kind]) this.unsent.add(kind);
      else this.unsent.delete(kind);
  }

  set busy(value) {
    this.#busy = value;
    if (value) this.#forget(); // the pictures of the last search are gone
    this.parts.picture.classList.toggle("busy", value);
  }

  set visible(value) {
    this.#visible = value;
    if (value) this.redraw();
  }

  fail(message) {
    this.error = message;
    this.parts.trouble.textContent = message;
    this.parts.trouble.hidden = !message;
    this.busy = false;
  }

  /** Show the view as `look` says: `threshold`, and `framing` of cut-outs. Nothing is drawn before the next frame, nor
   * while the card is out of sight. */
  show(group, view, look) {
    const key = JSON.stringify([group, view, look]);
    if (this.#shown.key === key) return;
    this.#shown = { key, group, view, look };
    this.redraw();
  }

  redraw() {
    if (this.#drawing || !this.#visible) return;
    this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      this.#draw();
    });
  }

  close() {
    watcher.unobserve(this.element);
    this.#forget();
    this.element.remove();
  }

  #placed() {
    this.element.style.setProperty("--aspect", this.photo.width / this.photo.height);
    this.redraw();
  }

  #draw() {
    const { group, view, look } = this.#shown;
    const { canvas, picture: frame, badge, save, correct } = this.parts;
    const absent = this.presence < ABSENT && !this.correction; // false where nothing is known; a person knows better
    badge.hidden = !this.negative && !this.mark && !absent;
    badge.textContent = this.negative ? "Not this object" : this.mark ? "Reference" : "Perhaps not here";
    this.element.classList.toggle("negative", this.negative);
    correct.disabled = !this.map || this.#busy || this.negative;
    if (!this.photo) return;
    const found = this.map && view !== "photo";
    const cut = Boolean(found) && view === "cutout";
    const ground = cut && look.framing.background;
    frame.classList.toggle("checked", cut && !ground);
    frame.style.background = PLAIN.test(ground) ? ground : "";
    canvas.dataset.view = found ? view : "photo";
    if (found && view !== "thumbnail") drawView(canvas, view, this.photo, this.map, look.threshold);
    else drawPhoto(canvas, this.photo, !this.negative && this.mark && this.#markDrawn());
    this.#link(save, group, view, look);
    this.#forget();
    const asks = found && FROM_SERVER[view] && !this.#busy;
    const lacks = asks && (view === "thumbnail" || Object.keys(look.framing).length > 0); // the page's own picture
    frame.classList.toggle("busy", Boolean(this.#busy || lacks));
    if (asks) this.#asking = setTimeout(() => this.#refine(group, view, look), REST);
  }

  #markDrawn() {
    const canvas = canvasOf(this.photo.width, this.photo.height);
    const style = getComputedStyle(document.documentElement);
    const [object, background] = ["--accent", "--not"].map((name) => style.getPropertyValue(name));
    this.mark.draw(canvas, { object, background, open: null });
    return canvas;
  }

  /** Nobody waits any more for what the server was asked. */
  #forget() {
    clearTimeout(this.#asking);
    this.#asked.abort();
  }

  #link(save, group, view, look) {
    const ready = this.id && (this.map || view === "photo");
    save.setAttribute("aria-disabled", String(!ready));
    if (!ready) return save.removeAttribute("href");
    save.href = server.viewAddress(group, this.id, view, asked(view, look));
    save.download = `${this.name.replace(/\.[^.]*$/, "")} ${NAMES[view]}`;
  }

  /** Put the server's picture in place of the page's own, unless something else is asked for by then. */
  async #refine(group, view, look) {
    const { signal } = (this.#asked = new AbortController());
    try {
      await this.#sending;
      if (signal.aborted) return;
      if (!this.unsent.has("correction") && !this.unsent.has("negative")) { // else it would be without these
        const query = { ...asked(view, look), side: FROM_SERVER[view] };
        const bitmap = await server.picture(server.viewAddress(group, this.id, view, query), signal);
        if (signal.aborted) return;
        drawPicture(this.parts.canvas, bitmap);
        this.parts.canvas.dataset.view = `${view} from the server`;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 0) this.trouble(error); // of the whole page, not of this photo
      else if (view === "thumbnail" || error.status === 422) this.fail(error.message);
    }
    this.parts.picture.classList.toggle("busy", this.#busy);
  }
}

/** What the address of a view says of `look`. */
function asked(view, { threshold, framing }) {
  if (view === "photo" || view === "map") return {};
  return view === "cutout" ? { threshold, ...framing } : { threshold };
}
