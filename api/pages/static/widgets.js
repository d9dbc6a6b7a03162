/** What several views are made of: values, notes, tables, bars, pages and fields of forms. */

import { h, fill } from "./dom.js";

const NUMBER = new Intl.NumberFormat("en");
const ROUGH = 90;
const LONGEST = 300;

/** A number with its thousands apart. */
export const number = (value) => NUMBER.format(value ?? 0);

/** "1 row", "2 rows". */
export const several = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

/** A stored value as a person reads it; one that would fill the screen is cut. */
export function shown(value) {
  const text = written(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function written(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (Array.isArray(value)) return value.map(written).join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, item]) => `${name}=${written(item)}`).join(", ");
  return String(value);
}

/** A time, in the reader's own zone. */
export function time(text) {
  return text ? new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }) : "–";
}

/** Seconds as "8 s", "2 min 5 s", "1 h 3 min". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < ROUGH) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < ROUGH) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes as a person reads them. */
export function bytes(size) {
  if (size < 1000) return several(size, "byte");
  return size < 1e6 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

/** A sentence in a frame; kind is "", bad, warn or good. */
export const note = (kind, ...children) => h("div", { class: `note ${kind}` }, h("p", null, ...children));

/** An error beside the thing it concerns. */
export const problemNote = (detail) => h("div", { class: "note bad", role: "alert" }, h("p", null, h("strong", null, "That did not work. "), detail));

/** The steps of an import, the present one marked. */
export function steps(names, present) {
  return h("ol", { class: "steps", "aria-label": "Steps" },
    names.map((name, index) => h("li", { "aria-current": name === present && "step" }, `${index + 1}. ${name}`)));
}

/** The steps of an import, from the file to its result. */
export const stepper = (present) => steps(["File", "Columns", "Preview", "Run", "Result"], present);

/** Whether a text is an id, a date or the like, which is not to be broken into lines. */
const isShort = (cell) => typeof cell === "string" && cell.length < 25;

/**
 * A table that scrolls by itself where it is too wide.
 * @param {string} caption
 * @param {(string | {title: any, num?: boolean, sort?: string})[]} columns
 * @param {any[][]} rows  cells: text, nodes, or {cell} for a ready td
 */
export function table(caption, columns, rows, { empty = "There is nothing here." } = {}) {
  const isNumber = (index) => typeof columns[index] === "object" && columns[index]?.num;
  const head = columns.map((column, index) => {
    const given = typeof column === "object" ? column : { title: column };
    return h("th", { scope: "col", class: isNumber(index) && "num", "aria-sort": given.sort }, given.title);
  });
  const body = rows.map((cells) => h("tr", null, cells.map((cell, index) =>
    cell?.cell ?? h(index === 0 ? "th" : "td", { scope: index === 0 && "row", class: isNumber(index) ? "num" : isShort(cell) && "short" }, cell))));
  const none = h("tr", null, h("td", { colspan: columns.length }, empty));
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null, h("caption", null, caption), h("thead", null, h("tr", null, head)), h("tbody", null, rows.length ? body : none)));
}

/** A select with its label. `options` are [value, text] pairs. */
export function choice(label, options, value, changed, { help, hidden } = {}) {
  const select = h("select", { onchange: (event) => changed?.(event.target.value) },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  select.value = value ?? "";
  if (hidden) {
    select.setAttribute("aria-label", label);
    return select;
  }
  return h("label", { class: "field" }, h("span", null, label), select, help && h("small", null, help));
}

/** An input with its label. */
export function entry(label, value, changed, { help, ...properties } = {}) {
  const input = h("input", { type: "text", ...properties, value: value ?? "", onchange: (event) => changed?.(event.target.value.trim()) });
  return h("label", { class: "field" }, h("span", null, label), input, help && h("small", null, help));
}

/** A tick box with its label. */
export function tick(label, value, changed) {
  return h("label", { class: "tick" }, h("input", { type: "checkbox", checked: value, onchange: (event) => changed(event.target.checked) }), label);
}

const ACTIONS = { create: "created", update: "updated", unchanged: "unchanged", rejected: "rejected" };

/** What a sync takes away is told where there is any. */
const TAKEN = { retire: "retired", delete: "deleted" };

/** An undo does the reverse of an import, and says so. */
const REVERSED = { delete: "deleted", update: "restored", create: "created again", rejected: "left as they are" };
const COLOURS = { delete: "taken", retire: "taken" };
const WOULD = ["create", "update", "delete", "retire"];

/**
 * What is, or would be, done with the rows of a file, as a bar and in words.
 * @param {Record<string, number>} counts @param {boolean} dryRun @param {boolean} reversed  whether it is an undo
 */
export function countsBar(counts, dryRun, reversed) {
  const taken = Object.fromEntries(Object.entries(TAKEN).filter(([name]) => counts[name]));
  const words = reversed ? REVERSED : { ...ACTIONS, ...taken };
  const total = Object.keys(words).reduce((sum, name) => sum + (counts[name] ?? 0), 0);
  const parts = Object.keys(words).filter((name) => counts[name]).map((name) => {
    const part = h("i", { class: COLOURS[name] ?? name });
    part.style.width = `${(100 * counts[name]) / total}%`;
    return part;
  });
  const told = Object.entries(words).map(([name, text]) =>
    h("li", null, h("b", null, number(counts[name])), h("i", { class: COLOURS[name] ?? name, "aria-hidden": "true" }),
      dryRun && WOULD.includes(name) ? `would be ${text}` : text));
  return [h("div", { class: "bar", "aria-hidden": "true" }, parts), h("ul", { class: "legend" }, told)];
}

/**
 * A list that is read from the server page by page.
 * @param {(offset: number) => Promise<{body: any, count: number, total: number}>} read
 * @param {number} size  how many a page has
 */
export function paged(read, size, what) {
  const place = h("div", null);
  const info = h("span", { role: "status" });
  const before = h("button", { type: "button", class: "slim", onclick: () => turn(-1) }, "Previous");
  const after = h("button", { type: "button", class: "slim", onclick: () => turn(1) }, "Next");
  const pages = h("div", { class: "pages", role: "group", "aria-label": `Pages of ${what}` }, before, after, info);
  let offset = 0;
  /** Show a page; gives how many there are in all, or null where none was read. */
  const turn = async (by) => {
    const wanted = offset + by * size;
    if (wanted < 0 || (by && (by < 0 ? before : after).getAttribute("aria-disabled"))) return null;
    try {
      const { body, count, total } = await read(wanted);
      offset = wanted;
      fill(place, body);
      info.textContent = total ? `${number(offset + 1)}–${number(offset + count)} of ${number(total)}` : "";
      pages.hidden = total <= size;
      // aria-disabled, as a disabled button would lose the focus.
      disable(before, offset === 0);
      disable(after, offset + count >= total);
      return total;
    } catch (error) {
      if (error.name !== "AbortError") fill(place, problemNote(error.message));
    }
    return null;
  };
  return { node: h("div", null, place, pages), ready: turn(0), reload: () => { offset = 0; return turn(0); } };
}

/** Show a button as one that does nothing now, and leave it the focus. */
export function disable(button, isOff) {
  if (isOff) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

/** A link that downloads. */
export const download = (href, text, primary) => h("a", { class: `button ${primary ? "primary" : ""}`, href, download: true }, text);

/** A run's state, in words and colour. */
export function state({ status, outcome, dryRun, plan }) {
  if (isHeld({ status, dryRun, plan })) return h("span", { class: "state warning" }, "awaiting approval");
  if (isApproved({ status, dryRun, plan })) return h("span", { class: "state completed" }, "approved");
  if (isRejected(plan)) return h("span", { class: "state cancelled" }, "rejected");
  const word = outcome === "crashed" ? outcome : status;
  return h("span", { class: `state ${status}` }, dryRun ? `${word} (preview)` : word);
}

/** Whether a plan may still be applied. */
export const isKept = (plan) => Boolean(plan && !plan.applied && !isRejected(plan) && plan.until && new Date(plan.until) > new Date());

/** Whether somebody rejected a plan. */
export const isRejected = (plan) => plan?.decision?.verdict === "rejected";

/** Whether a run is a sync that was held back, and did what it would once it was approved. */
export const isApproved = ({ status, dryRun, plan }) => status === "failed" && !dryRun && Boolean(plan?.applied);

/** Whether a run is a sync that was held back, and can be approved. */
export const isHeld = ({ status, dryRun, plan }) => status === "failed" && !dryRun && isKept(plan);
