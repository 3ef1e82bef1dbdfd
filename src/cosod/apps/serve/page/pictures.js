// Drawing: photos at a working size, and every view of a photo with its map.

/** Longest side in pixels at which photos and maps are kept in the page. */
export const SIDE = 720;
const OUTLINE = [255, 64, 96];
/** Half the width of the soft edge of a cut-out, in map values. */
const SOFT = 0.1;
/** How far above the threshold the map has to rise in a part of what is shown. */
const CERTAIN = 0.5;

export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** Longest side in pixels at which a photo is looked at closely. */
const CLOSE_SIDE = 2400;

/** The bitmap on a canvas whose longest side is at most `side`; the bitmap is freed. */
export function working(bitmap, side = SIDE) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = canvasOf(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** The file's photo, larger than it is kept in the page. */
export const enlarged = async (file) => working(await createImageBitmap(file), CLOSE_SIDE);

/** Values 0 to 255 of a map, one a pixel of `photo`. */
export function mapValues(bitmap, photo) {
  const canvas = canvasOf(photo.width, photo.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const values = new Uint8Array(pixels.length / 4);
  for (let i = 0; i < values.length; i++) values[i] = pixels[4 * i];
  return values;
}

/** Draw the photo; with `paint`, the mark over it. */
export function drawPhoto(canvas, photo, paint) {
  resize(canvas, photo.width, photo.height);
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0);
  if (!paint) return;
  context.globalAlpha = 0.6;
  context.drawImage(paint, 0, 0, photo.width, photo.height);
  context.globalAlpha = 1;
}

/** Draw a picture that the server made. */
export function drawPicture(canvas, bitmap) {
  resize(canvas, bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

/** Draw the map, mask, cut-out or overlay of a photo at a threshold, all in the page. */
export function drawView(canvas, view, photo, map, threshold) {
  const { width, height } = photo;
  resize(canvas, width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const colored = view === "overlay" || view === "cutout";
  const image = colored
    ? photo.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height)
    : new ImageData(width, height);
  PAINTERS[view](image.data, view === "map" ? map : certain(map, width, threshold), threshold * 255, width);
  context.putImageData(image, 0, 0);
}

/** The map without the parts above the threshold that are nowhere certain, as `binary_mask` of the server does it. */
function certain(map, width, threshold) {
  const limit = threshold * 255;
  let most = 0;
  for (let i = 0; i < map.length; i++) if (map[i] > most) most = map[i];
  const needed = threshold * (1 + CERTAIN * (1 - threshold)) * most;
  const kept = new Uint8Array(map.length);
  const reached = new Int32Array(map.length);
  let count = 0;
  const reach = (i) => {
    if (kept[i] || map[i] <= limit) return;
    kept[i] = 1;
    reached[count++] = i;
  };
  for (let i = 0; i < map.length; i++) if (map[i] >= needed) reach(i);
  for (let next = 0; next < count; next++) {
    const i = reached[next];
    const x = i % width;
    for (let row = i - width; row <= i + width; row += width) {
      if (row < 0 || row >= map.length) continue;
      if (x > 0) reach(row - 1);
      reach(row);
      if (x < width - 1) reach(row + 1);
    }
  }
  const found = map.slice();
  for (let i = 0; i < map.length; i++) if (map[i] > limit && !kept[i]) found[i] = 0;
  return found;
}

const PAINTERS = {
  map(pixels, map) {
    for (let i = 0, p = 0; i < map.length; i++, p += 4) {
      pixels[p] = pixels[p + 1] = pixels[p + 2] = map[i];
      pixels[p + 3] = 255;
    }
  },
  mask(pixels, map, threshold) {
    for (let i = 0, p = 0; i < map.length; i++, p += 4) {
      pixels[p] = pixels[p + 1] = pixels[p + 2] = map[i] > threshold ? 255 : 0;
      pixels[p + 3] = 255;
    }
  },
  cutout(pixels, map, threshold) {
    const low = threshold - SOFT * 255;
    for (let i = 0; i < map.length; i++) pixels[4 * i + 3] = ((map[i] - low) / (2 * SOFT)); // clamped by the array
  },
  overlay(pixels, map, threshold, width) {
    const reach = Math.max(1, Math.round(width / 400));
    const inside = (i) => map[i] > threshold;
    for (let i = 0, p = 0; i < map.length; i++, p += 4) {
      if (inside(i)) continue;
      const x = i % width;
      const edge =
        (x >= reach && inside(i - reach)) || (x < width - reach && inside(i + reach)) ||
        inside(i - reach * width) || inside(i + reach * width);
      for (let c = 0; c < 3; c++) pixels[p + c] = edge ? OUTLINE[c] : pixels[p + c] * 0.35 + 25;
    }
  },
};

function resize(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d").clearRect(0, 0, width, height);
}
