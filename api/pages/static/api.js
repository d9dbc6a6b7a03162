/** The REST API, as any program uses it; the page holds no state except its address, to which paths are relative. */

/** Messages name what they propose by the labels of this page. */
const WORDING = { "Cmdb-Wording": "page" };

/** A refusal of the API: its message is the problem's `detail`, which says what to do. */
export class Problem extends Error {
  /** @param {number} status @param {any} problem */
  constructor(status, problem) {
    super(problem?.detail || `The server answered ${status}. Try again in a moment.`);
    this.status = status;
    this.problem = problem ?? {};
  }
}

const AWAY = "The server does not answer. Check that it runs and try again.";

/**
 * Ask the API; gives the answer's JSON, or null where it has none.
 * @param {string} path
 * @param {{method?: string, body?: any, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const sent = body === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await fetch(path, {
    method,
    signal,
    headers: { ...WORDING, ...sent, ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: AWAY });
  });
  const text = await answer.text();
  return read(answer.status, text);
}

function read(status, text) {
  let found = null;
  try {
    found = text ? JSON.parse(text) : null;
  } catch {
    found = null;
  }
  if (status >= 200 && status < 300) return found;
  throw new Problem(status, found);
}

/**
 * Send a form and tell how much of it has gone; `fetch` can't.
 * @param {string} path @param {FormData} form
 * @param {(sent: number, total: number) => void} told @param {AbortSignal} signal
 */
export function upload(path, form, told, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => told(event.loaded, event.total);
    request.onload = () => {
      try {
        resolve(read(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () =>
      reject(new Problem(0, { detail: "The file could not be sent: it is too large, or the server is away. Try again." }));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", path);
    for (const [name, value] of Object.entries(WORDING)) request.setRequestHeader(name, value);
    request.send(form);
  });
}

/** The states of a run that has ended. */
export const ENDED = ["completed", "failed", "cancelled"];

/**
 * Tell each progress of a run until it has ended: by events where they come through, else by asking.
 * @param {string} path  such as /api/import/progress/ID
 * @param {(progress: any) => void} told @param {AbortSignal} signal
 * @returns {Promise<any>} the last progress
 */
export async function follow(path, told, signal) {
  const first = await ask(path, { signal });
  told(first);
  if (ENDED.includes(first.status)) return first;
  return (await listen(`${path}/events`, told, signal)) ?? poll(path, told, signal);
}

function listen(path, told, signal) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(path);
    const stop = (result) => {
      source.close();
      resolve(result);
    };
    signal.addEventListener("abort", () => {
      source.close();
      reject(new DOMException("left", "AbortError"));
    });
    source.addEventListener("progress", (event) => told(JSON.parse(event.data)));
    source.addEventListener("end", (event) => {
      const last = JSON.parse(event.data);
      told(last);
      stop(last);
    });
    source.onerror = () => stop(null);
  });
}

async function poll(path, told, signal) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    signal.throwIfAborted();
    let found;
    try {
      found = await ask(path, { signal });
    } catch (error) {
      // A server that restarts loses no run: go on asking.
      if (error instanceof Problem && [0, 429, 502, 503].includes(error.status)) continue;
      throw error;
    }
    told(found);
    if (ENDED.includes(found.status)) return found;
  }
}

const kept = new Map();

/** Ask for what does not change while the server runs, such as the types, once. */
export function once(path) {
  if (!kept.has(path)) {
    const asked = ask(path);
    asked.catch(() => kept.delete(path));
    kept.set(path, asked);
  }
  return kept.get(path);
}

/** The resource types. */
export const types = () => once("api/resources");

/**
 * The options of an import as the API declares them: name → JSON Schema.
 * @returns {Promise<Record<string, any>>}
 */
export const importOptions = async () => (await once("openapi.json")).components.schemas.ImportRequest.properties;

/** The values of an option as a select has them; the default, which an address leaves out, stands first. */
export const choices = (schema) => schema["x-labels"].map(({ value, label }) => [value === schema.default ? "" : value, label]);

/** The type of an option's value in JSON, where it has a value. */
export const typeOf = (schema) => schema.type ?? schema.anyOf?.find((each) => each.type !== "null")?.type;

/** The limits of an option, as an input has them. */
export function limits(schema) {
  const found = { ...schema, ...schema.anyOf?.find((each) => each.type !== "null") };
  return { min: found.minimum, max: found.maximum, maxlength: found.maxLength };
}

/** One resource type with its fields. */
export const type = (name) => once(`api/resources/${encodeURIComponent(name)}`);
