// An enlarged view of a sheet in its stage: zoom at a place, move, and where a pointer is on the sheet.

const MOST = 12;

export class Zooming {
  zoom = 1;
  #x = 0;
  #y = 0;

  /** `sheet` fills `stage` where it is not enlarged; `changed` is called after every change. */
  constructor(stage, sheet, changed) {
    Object.assign(this, { stage, sheet, changed });
  }

  fit() {
    this.zoom = 1;
    this.#x = this.#y = 0;
    this.#apply();
  }

  /** Enlarge by a factor; the place (in pixels of the stage) stays where it is. */
  by(factor, place = [this.stage.clientWidth / 2, this.stage.clientHeight / 2]) {
    const zoom = Math.min(MOST, Math.max(1, this.zoom * factor));
    const ratio = zoom / this.zoom;
    this.#x = place[0] - (place[0] - this.#x) * ratio;
    this.#y = place[1] - (place[1] - this.#y) * ratio;
    this.zoom = zoom;
    this.#apply();
  }

  move(across, down) {
    this.#x += across;
    this.#y += down;
    this.#apply();
  }

  /** Move so that a place of the sheet (shares of its width and height) is in sight. */
  reveal([across, down]) {
    const [x, y] = this.onStage([across, down]);
    const margin = 30;
    const by = (value, length) => (value < margin ? margin - value : value > length - margin ? length - margin - value : 0);
    this.move(by(x, this.stage.clientWidth), by(y, this.stage.clientHeight));
  }

  /** Pixels of the stage at a place of the sheet. */
  onStage([across, down]) {
    return [this.#x + across * this.stage.clientWidth * this.zoom, this.#y + down * this.stage.clientHeight * this.zoom];
  }

  /** The event's place in pixels of the stage. */
  ofEvent(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left - this.stage.clientLeft, event.clientY - box.top - this.stage.clientTop];
  }

  /** The place of the sheet, as shares, at pixels of the stage. */
  onSheet([x, y]) {
    return [(x - this.#x) / this.zoom / this.stage.clientWidth, (y - this.#y) / this.zoom / this.stage.clientHeight];
  }

  #apply() {
    const least = (length) => length * (1 - this.zoom);
    this.#x = Math.min(0, Math.max(least(this.stage.clientWidth), this.#x));
    this.#y = Math.min(0, Math.max(least(this.stage.clientHeight), this.#y));
    this.sheet.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.zoom})`;
    this.changed();
  }
}
