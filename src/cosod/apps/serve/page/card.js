// One photo of the page: its state, and the card that shows it.

import { SIDE, drawPhoto, drawPicture, drawView, mapValues, working } from "./pictures.js";
import * as server from "./server.js";

const template = document.querySelector("#card");
/** Pause after the last change before the server is asked for a picture of its own. */
const REST = 350;
/** Views that the server makes better than the page, or alone. */
const FROM_SERVER = { cutout: 600, thumbnail: 480 };
/** Presence below which a photo is said to lack the object. */
const ABSENT = 0.5;
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
  /** Values of the map, one a pixel of `photo`. */
  map = null;
  /** The painted mark, a canvas, and whether the server has it. */
  paint = null;
  paintSent = true;
  /** Probability that the object is in the photo at all, where the server knows it. */
  presence = undefined;
  error = "";
  #busy = true;
  #visible = true;
  #shown = {};
  #drawing = 0;
  #asking = 0;
  #asked = new AbortController();

  /** `actions`: what to do on `mark` and `remove`, each given the card. */
  constructor(file, actions) {
    this.file = file;
    this.element = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    this.parts = { canvas: find("canvas"), picture: find(".picture"), badge: find(".badge"), save: find(".save"), trouble: find(".trouble") };
    find(".name").textContent = find(".name").title = file.name;
    for (const [selector, label] of [[".picture", "Mark the object in"], [".mark", "Mark the object in"], [".save", "Save"], [".remove", "Remove"]])
      find(selector).setAttribute("aria-label", `${label} ${file.name}`);
    for (const [selector, label] of [[".mark", "Mark the object"], [".save", "Save this view"], [".remove", "Remove this photo"]])
      find(selector).title = label;
    this.parts.picture.addEventListener("click", () => actions.mark(this));
    find(".mark").addEventListener("click", () => actions.mark(this));
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

  async readMap(group) {
    const bitmap = await server.picture(server.viewAddress(group, this.id, "map", { side: SIDE }));
    this.map = mapValues(bitmap, this.photo);
    this.busy = false;
    this.redraw();
  }

  set busy(value) {
    this.#busy = value;
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

  /** Show the view at the threshold; nothing is drawn before the next frame, nor while the card is out of sight. */
  show(group, view, threshold) {
    const { group: g, view: v, threshold: t } = this.#shown;
    if (g === group && v === view && t === threshold) return;
    this.#shown = { group, view, threshold };
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
    const { group, view, threshold } = this.#shown;
    const { canvas, picture: frame, badge, save } = this.parts;
    const absent = this.presence < ABSENT; // false where nothing is known
    badge.hidden = !this.paint && !absent;
    badge.textContent = this.paint ? "Reference" : "Perhaps not here";
    if (!this.photo) return;
    const found = this.map && view !== "photo";
    frame.classList.toggle("checked", Boolean(found) && view === "cutout");
    canvas.dataset.view = found ? view : "photo";
    if (found && view !== "thumbnail") drawView(canvas, view, this.photo, this.map, threshold);
    else drawPhoto(canvas, this.photo, this.paint);
    this.#link(save, group, view, threshold);
    this.#forget();
    if (found && FROM_SERVER[view] && !this.#busy) {
      if (view === "thumbnail") frame.classList.add("busy");
      this.#asking = setTimeout(() => this.#refine({ group, view, threshold }), REST);
    } else frame.classList.toggle("busy", this.#busy);
  }

  /** Nobody waits any more for what the server was asked. */
  #forget() {
    clearTimeout(this.#asking);
    this.#asked.abort();
  }

  #link(save, group, view, threshold) {
    const ready = this.id && (this.map || view === "photo");
    save.setAttribute("aria-disabled", String(!ready));
    if (!ready) return save.removeAttribute("href");
    save.href = server.viewAddress(group, this.id, view, view === "photo" || view === "map" ? {} : { threshold });
    save.download = `${this.name.replace(/\.[^.]*$/, "")} ${NAMES[view]}`;
  }

  /** Put the server's picture in place of the page's own, unless something else is asked for by then. */
  async #refine(wanted) {
    const { group, view, threshold } = wanted;
    const { signal } = (this.#asked = new AbortController());
    try {
      const bitmap = await server.picture(server.viewAddress(group, this.id, view, { threshold, side: FROM_SERVER[view] }), signal);
      if (signal.aborted) return;
      drawPicture(this.parts.canvas, bitmap);
      this.parts.canvas.dataset.view = `${view} from the server`;
    } catch (error) {
      if (signal.aborted) return;
      if (view === "thumbnail") this.fail(error.message);
    }
    this.parts.picture.classList.toggle("busy", this.#busy);
  }
}
