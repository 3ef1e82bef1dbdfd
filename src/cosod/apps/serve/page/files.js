// Files out of a drop, the clipboard or a file dialog.

/** All files of a drop, those in folders too, in the order of their paths. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const found = [];
  for (const entry of entries) await collect(entry, found, false);
  return found;
}

/** Files of a folder that the file dialog chose. */
export const ofFolder = (list) => [...list].filter((file) => wanted(file)).sort(byPath);

/** Pictures on the clipboard. */
export const pasted = (event) => [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));

async function collect(entry, found, inFolder) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    if (!inFolder || wanted(file)) found.push(file); // what a person names one by one is tried, whatever it is
    return;
  }
  const children = [];
  const reader = entry.createReader();
  for (;;) { // a reader gives its entries in portions
    const portion = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!portion.length) break;
    children.push(...portion);
  }
  children.sort((a, b) => a.name.localeCompare(b.name));
  for (const child of children) await collect(child, found, true);
}

const wanted = (file) =>
  !file.name.startsWith(".") && (file.type.startsWith("image/") || /\.(tiff?|bmp|webp|p[bgnp]m|jfif)$/i.test(file.name));

const byPath = (a, b) => (a.webkitRelativePath || a.name).localeCompare(b.webkitRelativePath || b.name);
