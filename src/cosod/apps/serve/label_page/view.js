// The image with one marked pixel: in whole, to be zoomed and moved, and its surroundings enlarged in the inset.
// Places in the image are counted in its own pixels, on the screen in CSS pixels.

const ARRIVAL = 260; // ms that a ring takes to close in on a new point
const LARGEST = 40; // CSS pixels that one pixel of the image may take, more in a small image
const RING = { 1: "#19c99b", 0: "#ff7a45" };
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class View {
  constructor(canvas, inset) {
    this.canvas = canvas;
    this.inset = inset;
    this.image = null;
    this.marks = [];
    this.pointers = new Map();
    new ResizeObserver(() => this.resized()).observe(canvas);
    new ResizeObserver(() => this.draw()).observe(inset);
    this.listen();
  }

  // `size` and `point` in pixels of the original image; `image` may be a smaller version of it.
  show(image, size, point, marks) {
    Object.assign(this, { image, size, point, marks, since: performance.now() });
    this.fit();
  }

  // Other points of this image that are answered: [x, y, answer] each.
  mark(marks) {
    this.marks = marks;
    this.draw();
  }

  clear() {
    this.image = null;
    this.draw();
  }

  get box() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  get smallest() {
    const { width, height } = this.box;
    return Math.min(width / this.size[0], height / this.size[1]);
  }

  fit() {
    if (!this.image) return;
    this.scale = this.smallest;
    this.left = this.top = 0;
    this.place();
  }

  resized() {
    if (this.image) this.fit();
    this.draw();
  }

  // Enlarge by `factor`; what is at (x, y) of the canvas stays there, by default the point asked for.
  zoom(factor, x = this.left + (this.point[0] + 0.5) * this.scale, y = this.top + (this.point[1] + 0.5) * this.scale) {
    if (!this.image) return;
    const scale = Math.min(Math.max(this.scale * factor, this.smallest), Math.max(LARGEST, 8 * this.smallest));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.place();
  }

  move(x, y) {
    if (!this.image) return;
    this.left += x;
    this.top += y;
    this.place();
  }

  // Keep the image in the middle where there is room, and without a gap at its edges where there is none.
  place() {
    const { width, height } = this.box;
    const within = (start, length, room) =>
      length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, start));
    this.left = within(this.left, this.size[0] * this.scale, width);
    this.top = within(this.top, this.size[1] * this.scale, height);
    this.draw();
  }

  listen() {
    const at = (event) => [event.offsetX, event.offsetY];
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      this.zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
    }, { passive: false });
    this.canvas.addEventListener("dblclick", () => this.fit());
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, at(event));
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.pointers.has(event.pointerId)) return;
      const before = [...this.pointers.values()].slice(0, 2);
      this.pointers.set(event.pointerId, at(event));
      const after = [...this.pointers.values()].slice(0, 2);
      const middle = (points) => [0, 1].map((i) => points.reduce((sum, p) => sum + p[i], 0) / points.length);
      const apart = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]);
      const [x0, y0] = middle(before), [x1, y1] = middle(after);
      this.move(x1 - x0, y1 - y0);
      if (after.length === 2 && apart(before) > 0) this.zoom(apart(after) / apart(before), x1, y1);
    });
    for (const kind of ["pointerup", "pointercancel"])
      this.canvas.addEventListener(kind, (event) => this.pointers.delete(event.pointerId));
  }

  draw() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.drawImage();
      this.drawInset();
    });
  }

  drawImage() {
    const context = ready(this.canvas);
    if (!this.image) return;
    const { scale, left, top } = this;
    context.imageSmoothingEnabled = scale < 4;
    context.drawImage(this.image, left, top, this.size[0] * scale, this.size[1] * scale);
    const onScreen = ([x, y]) => [left + (x + 0.5) * scale, top + (y + 0.5) * scale];
    for (const mark of this.marks) ring(context, ...onScreen(mark), 5, RING[mark[2]]);
    const [x, y] = onScreen(this.point);
    cross(context, x, y, Math.max(13, scale / 2 + 4), 18);
    if (scale >= 5) pixelFrame(context, x, y, scale);
    const age = performance.now() - this.since;
    if (age < ARRIVAL && !calm.matches) {
      ring(context, x, y, 34 + 70 * (1 - age / ARRIVAL), "#ffe600");
      this.draw();
    }
  }

  drawInset() {
    const context = ready(this.inset);
    if (!this.image) return;
    const { clientWidth: width, clientHeight: height } = this.inset;
    const reach = Math.min(Math.max(Math.round(Math.max(...this.size) / 20), 8), 60);
    const cell = Math.min(width, height) / (2 * reach + 1);
    context.imageSmoothingEnabled = cell < 4;
    const [x, y] = this.point;
    const left = width / 2 - (x + 0.5) * cell, top = height / 2 - (y + 0.5) * cell;
    context.drawImage(this.image, left, top, this.size[0] * cell, this.size[1] * cell);
    const half = Math.min(width, height) / 2; // the lines keep to the rim: what is around the point decides
    cross(context, width / 2, height / 2, half * 0.62, half * 0.28);
    pixelFrame(context, width / 2, height / 2, Math.max(cell, 4));
  }
}

// A canvas of as many pixels as the screen has there, empty, to be drawn on in CSS pixels.
function ready(canvas) {
  const ratio = devicePixelRatio;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
}

// Bright lines with dark edges are seen on any photo.
function stroke(context, path, color, width) {
  context.lineCap = "round";
  for (const [style, line] of [["rgb(0 0 0 / .7)", width + 2.5], [color, width]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.stroke(path);
  }
}

// Four lines that point at (x, y) from all sides and leave it free.
function cross(context, x, y, gap, length) {
  const path = new Path2D();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    path.moveTo(x + dx * gap, y + dy * gap);
    path.lineTo(x + dx * (gap + length), y + dy * (gap + length));
  }
  stroke(context, path, "#ffe600", 2);
}

function ring(context, x, y, radius, color) {
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  stroke(context, path, color, 2);
}

// The outline of the one pixel, outside of it.
function pixelFrame(context, x, y, side) {
  const path = new Path2D();
  path.rect(x - side / 2 - 1, y - side / 2 - 1, side + 2, side + 2);
  stroke(context, path, "#ffe600", 1);
}
