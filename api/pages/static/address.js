/** The address: where the page is, and all that it knows. */

/**
 * @typedef {{path: string[], query: URLSearchParams}} Place
 */

/** @returns {Place} */
export function here() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query ?? "") };
}

/**
 * The address of a place; what is empty is left out.
 * @param {string[]} path @param {Record<string, any> | URLSearchParams} [query]
 */
export function to(path, query = {}) {
  const given = query instanceof URLSearchParams ? Object.fromEntries(query) : query;
  const kept = Object.entries(given).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Go to a place, as a link does. */
export function go(path, query) {
  location.hash = to(path, query);
}

/** Change the address and stay on the view that is shown. */
export function keep(path, query) {
  history.replaceState(null, "", to(path, query));
}

/** Go to a place that takes this one's place in the browser's history. */
export function replace(path, query) {
  history.replaceState(null, "", to(path, query));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The items of a list that an address holds. */
export const listOf = (text) => (text ?? "").split(",").map((item) => item.trim()).filter(Boolean);
