// Files that a person gives the page: by a file dialog, a drop, or the clipboard.

const $ = (selector) => document.querySelector(selector);

/** Call `take` with the files whenever a person gives some. */
export function onFiles(take) {
  for (const button of document.querySelectorAll("[data-pick]"))
    button.addEventListener("click", () => $(`#pick-${button.dataset.pick}`).click());
  $("#pick-photos").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = "";
  });
  $("#pick-folder").addEventListener("change", (event) => {
    take(ofFolder(event.target.files));
    event.target.value = "";
  });
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    document.body.classList.remove("dragging");
    take(await dropped(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => take(pasted(event)));
}

const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** All files of a drop, those in folders too, in the order of their paths. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const found = [];
  for (const entry of entries) await collect(entry, found, false);
  return found;
}

/** Files of a folder that the file dialog chose. */
const ofFolder = (list) => [...list].filter((file) => wanted(file)).sort(byPath);

/** Pictures on the clipboard. */
const pasted = (event) => [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));

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
