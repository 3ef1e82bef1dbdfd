// Talking to the server: every request of the page is here.

export class ServerError extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
    document.dispatchEvent(new Event("server-answers"));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer. Is cosod serve still running?", 0);
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const message = typeof told.detail === "string" ? told.detail : `the server answered with ${answer.status}`;
  throw new ServerError(message, answer.status, Number(answer.headers.get("Retry-After")));
}

const json = async (path, options) => (await ask(path, options)).json();

export const limits = () => json("api/limits");

export const createGroup = async () => (await json("api/groups", { method: "POST", body: new FormData() })).group;

/** Forget the group, also while the page is being closed. */
export const deleteGroup = (group) => fetch(`api/groups/${group}`, { method: "DELETE", keepalive: true }).catch(() => {});

/** Upload one file: the photo as the server sees it, or an error with the reason it was refused. */
export async function upload(group, file) {
  const form = new FormData();
  form.append("photos", file, file.name);
  const { photos, failed } = await json(`api/groups/${group}/photos`, { method: "POST", body: form });
  if (failed.length) throw new ServerError(failed[0].error, 422);
  return photos[0];
}

export const removePhoto = (group, photo) => ask(`api/groups/${group}/photos/${photo}`, { method: "DELETE" });

/** Set the photo's `kind`, "mark" or "correction", or take it away where `png` is null. */
export function setPainting(group, photo, kind, png) {
  const path = `api/groups/${group}/photos/${photo}/${kind}`;
  return ask(path, png ? { method: "PUT", body: png, headers: { "Content-Type": "image/png" } } : { method: "DELETE" });
}

/** Say that the photo shows what the object is not, or take that back. */
export function setNegative(group, photo, negative) {
  return ask(`api/groups/${group}/photos/${photo}/negative`, { method: negative ? "PUT" : "DELETE" });
}

export const startJob = (group) => json(`api/groups/${group}/job`, { method: "POST" });
export const readJob = (group) => json(`api/groups/${group}/job`);
export const cancelJob = (group) => json(`api/groups/${group}/job`, { method: "DELETE" });

export function viewAddress(group, photo, view, query = {}) {
  return `api/groups/${group}/photos/${photo}/${view}?${new URLSearchParams(query)}`;
}

export const zipAddress = (group, query) => `api/groups/${group}/zip?${new URLSearchParams(query)}`;

export const picture = async (address, signal) => createImageBitmap(await (await ask(address, { signal })).blob());
