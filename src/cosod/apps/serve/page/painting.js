// What a person paints on a photo: strokes that can be taken back, drawn at any size.

import { canvasOf } from "./pictures.js";

/** What strokes say: this is the object, this is not, this is as open as before. */
export const OBJECT = "object", BACKGROUND = "background", OPEN = "open";
/** Longest side in pixels of what is sent to the server. */
const SENT_SIDE = 1440;
const WHITE = "#fff", BLACK = "#000", GRAY = "#808080";

export class Painting {
  /** Each {tool, radius, points}; lengths are in longest sides of the photo. */
  strokes = [];
  #past = [];

  /** `exact`: what is not painted is not the object; else the object's own outline decides. */
  constructor(width, height, exact = false) {
    this.aspect = [width / Math.max(width, height), height / Math.max(width, height)];
    this.exact = exact;
  }

  copy() {
    const other = new Painting(...this.aspect, this.exact);
    other.strokes = this.strokes.slice();
    return other;
  }

  get empty() {
    return !this.strokes.length;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  begin(tool, radius, point) {
    this.#past.push(this.strokes);
    this.strokes = [...this.strokes, { tool, radius, points: [point] }];
  }

  extend(point) {
    this.strokes.at(-1).points.push(point);
  }

  undo() {
    this.strokes = this.#past.pop() ?? this.strokes;
  }

  clear() {
    if (this.empty) return;
    this.#past.push(this.strokes);
    this.strokes = [];
  }

  /** Draw the strokes in the colors given for each tool; null takes away what is there. */
  draw(canvas, colors) {
    const context = canvas.getContext("2d");
    for (const stroke of this.strokes) drawStroke(context, stroke, colors[stroke.tool], Math.max(canvas.width, canvas.height));
    context.globalCompositeOperation = "source-over";
  }

  /** A canvas in white (the object), black (not the object) and gray (open). */
  values(side = SENT_SIDE) {
    const [width, height] = this.aspect.map((share) => Math.max(1, Math.round(share * side)));
    const canvas = canvasOf(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const open = this.exact ? BLACK : GRAY;
    context.fillStyle = open;
    context.fillRect(0, 0, width, height);
    this.draw(canvas, { [OBJECT]: WHITE, [BACKGROUND]: BLACK, [OPEN]: open });
    return canvas;
  }

  /** Shares of the photo that are painted as object and as background. */
  shares() {
    const canvas = this.values(360);
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let white = 0, black = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i] >= 192) white++;
      else if (pixels[i] <= 63) black++;
    }
    return { object: (4 * white) / pixels.length, background: (4 * black) / pixels.length };
  }

  /** The values as a file. Not by `toBlob`, for which a browser may wait seconds, until it has nothing else to do. */
  png() {
    const coded = atob(this.values().toDataURL("image/png").split(",")[1]);
    return new Blob([Uint8Array.from(coded, (byte) => byte.charCodeAt(0))], { type: "image/png" });
  }
}

export function drawStroke(context, { radius, points }, color, side, from = 0) {
  context.globalCompositeOperation = color === null ? "destination-out" : "source-over";
  context.strokeStyle = color ?? BLACK;
  context.lineWidth = 2 * radius * side;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  const [x, y] = points[from];
  context.moveTo(x * side, y * side);
  if (points.length === from + 1) context.lineTo(x * side + 0.01, y * side);
  for (let i = from + 1; i < points.length; i++) context.lineTo(points[i][0] * side, points[i][1] * side);
  context.stroke();
}

/** Change map values (0 to 255, one a pixel of `width` x `height`) as the strokes say. */
export function corrected(map, painting, width, height) {
  if (!painting || painting.empty) return map;
  const canvas = painting.values(Math.max(width, height));
  const scaled = canvasOf(width, height);
  const context = scaled.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data;
  return map.map((value, i) => (pixels[4 * i] >= 192 ? 255 : pixels[4 * i] <= 63 ? 0 : value));
}
