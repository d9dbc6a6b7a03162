/** Export: which records and fields, in which format, and the file. */

import { go, keep, replace } from "./address.js";
import { ask, type, types } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { progressCard } from "./run.js";
import { choice, download, entry, note, problemNote, several, tick } from "./widgets.js";

const FORMATS = [["excel", "Excel workbook"], ["csv", "CSV"], ["json", "JSON"], ["ndjson", "NDJSON"], ["parquet", "Parquet"]];
const WORDS = {
  eq: "is", ne: "is not", in: "is one of", "not in": "is none of", lt: "is less than", le: "is at most", gt: "is more than", ge: "is at least",
  between: "is between", contains: "contains", "starts with": "starts with", "is null": "is empty", "is not null": "is not empty",
  within: "lies within", "contains address": "contains the address", overlaps: "overlaps",
};
const MANY = ["in", "not in", "between"];
const NONE = ["is null", "is not null"];

/** #/export?type&…, #/export/run/ID */
export async function exportView({ path, query }, signal) {
  if (path[1] === "run") return runView(path, signal);
  const all = await types();
  const name = query.get("type") || all[0].type;
  return formView(await type(name), all, query, signal);
}

/**
 * The form; all that is chosen stands in the address.
 * @typedef {{field: string, op: string, value: string}} Condition
 */
function formView(chosen, all, query, signal) {
  const every = chosen.fields.map((field) => field.field);
  const given = query.get("fields")?.split(",").filter((name) => every.includes(name)) ?? every;
  const state = {
    order: [...given, ...every.filter((name) => !given.includes(name))],
    left: new Set(every.filter((name) => !given.includes(name))),
    /** @type {Condition[]} */
    conditions: JSON.parse(query.get("conditions") ?? "[]"),
    any: query.get("any") === "true",
    format: query.get("format") ?? "excel",
    sort: query.get("sort") ?? "",
    metadata: query.get("metadata") === "true",
    lineage: query.get("lineage") === "true",
  };
  const wanted = () => state.order.filter((name) => !state.left.has(name));
  const wrong = h("div", { "aria-live": "polite" });
  const count = h("p", { role: "status", id: "count" }, "Counting.");
  const filterWrong = h("div", { "aria-live": "polite" });

  function changed() {
    const fields = wanted().join(",");
    keep(["export"], {
      type: chosen.type,
      fields: fields === every.join(",") ? "" : fields,
      conditions: state.conditions.length ? JSON.stringify(state.conditions) : "",
      any: state.any, format: state.format, sort: state.sort, metadata: state.metadata, lineage: state.lineage,
    });
  }

  let counting = new AbortController();
  async function recount() {
    counting.abort();
    counting = new AbortController();
    const own = counting.signal;
    try {
      const found = await ask("api/export/count", { method: "POST", body: { resourceType: chosen.type, where: where(state) }, signal: own });
      fill(filterWrong);
      count.textContent = `${several(found.records, "record")} will be exported.`;
    } catch (error) {
      if (error.name === "AbortError") return;
      count.textContent = "";
      fill(filterWrong, problemNote(error.message));
    }
  }
  signal.addEventListener("abort", () => counting.abort());

  async function run(event) {
    event.preventDefault();
    fill(wrong);
    if (!wanted().length) {
      fill(wrong, problemNote("No field is chosen. Tick at least one."));
      return;
    }
    const body = {
      resourceType: chosen.type, format: state.format, where: where(state), metadata: state.metadata, lineage: state.lineage,
      fields: wanted().join(",") === every.join(",") ? [] : wanted(), sort: state.sort ? [state.sort] : [],
    };
    try {
      const accepted = await ask("api/export", { method: "POST", body, headers: { "Idempotency-Key": `${Date.now()}-${Math.random()}` }, signal });
      go(["export", "run", accepted.exportId]);
    } catch (error) {
      if (error.name !== "AbortError") fill(wrong, problemNote(error.message));
    }
  }

  const set = (name) => (value) => {
    state[name] = value;
    changed();
  };
  const sorts = [["", "The key"], ...chosen.fields.flatMap((field) => [[field.field, field.title], [`-${field.field}`, `${field.title}, in reverse`]])];
  recount();
  return h("form", { onsubmit: run }, h("h1", null, "Export"),
    h("p", { class: "lead" }, "The file holds what is stored at this moment, and imports again as it is."),
    h("section", { class: "card" }, h("h2", null, "Records"),
      h("div", { class: "grid" }, choice("Type", all.map((each) => [each.type, each.title]), chosen.type, (value) => replace(["export"], { type: value, format: state.format }))),
      h("h3", null, "Filters"),
      filters(chosen, state, () => { changed(); recount(); }), filterWrong, count),
    h("section", { class: "card" }, h("h2", null, "Fields"),
      h("p", null, "Drag the fields into order, or use the buttons. Untick what you do not need."),
      fieldOrder(chosen, state, changed)),
    h("section", { class: "card" }, h("h2", null, "File"),
      h("div", { class: "grid" }, choice("Format", FORMATS, state.format, set("format")), choice("Sorted by", sorts, state.sort, set("sort"))),
      h("p", null),
      h("p", { class: "row" }, tick("Say in the file who exported what and when", state.metadata, set("metadata"))),
      h("p", { class: "row" }, tick("Add when and by which run each record changed, so that an import overwrites nothing newer", state.lineage, set("lineage")))),
    wrong,
    h("button", { class: "primary" }, "Export"));
}

/** The filter of the conditions, as the API takes it. */
function where(state) {
  const conditions = state.conditions.filter((each) => NONE.includes(each.op) || each.value.trim()).map(({ field, op, value }) => {
    if (NONE.includes(op)) return { field, op };
    return { field, op, value: MANY.includes(op) ? value.split(",").map((part) => part.trim()).filter(Boolean) : value.trim() };
  });
  if (!conditions.length) return null;
  if (conditions.length === 1) return conditions[0];
  return state.any ? { any: conditions } : { all: conditions };
}

function filters(chosen, state, changed) {
  const list = h("div", null);
  const add = h("button", { type: "button", onclick: () => {
    state.conditions.push({ field: chosen.fields[0].field, op: chosen.fields[0].operators[0], value: "" });
    draw();
    list.querySelector(".filter:last-of-type select")?.focus();
  } }, "Add a filter");
  const update = (redraw) => {
    if (redraw) draw();
    changed();
  };
  function draw() {
    const joined = state.conditions.length > 1 && h("div", { class: "grid" },
      choice("Records must fit", [["", "all filters"], ["true", "any filter"]], state.any ? "true" : "", (value) => { state.any = value === "true"; changed(); }));
    fill(list, joined, state.conditions.map((each, index) => condition(chosen, each, index, update, () => {
      state.conditions.splice(index, 1);
      update(true);
      add.focus();
    })));
  }
  draw();
  return h("div", null, list, h("p", null, add));
}

function condition(chosen, each, index, update, remove) {
  const spec = chosen.fields.find((field) => field.field === each.field) ?? chosen.fields[0];
  const named = (label) => `${label} of filter ${index + 1}`;
  const field = choice(named("Field"), chosen.fields.map((one) => [one.field, one.title]), each.field, (value) => {
    const operators = chosen.fields.find((one) => one.field === value).operators;
    Object.assign(each, { field: value, op: operators.includes(each.op) ? each.op : operators[0], value: "" });
    update(true);
  });
  const op = choice(named("Condition"), spec.operators.map((name) => [name, WORDS[name] ?? name]), each.op, (value) => {
    each.op = value;
    update(true);
  });
  const help = each.op === "between" ? "Two values with a comma between." : MANY.includes(each.op) ? "Values with commas between." : "";
  const one = (value) => {
    each.value = value;
    update(false);
  };
  const choices = spec.choices ?? (spec.kind === "boolean" ? ["true", "false"] : null);
  const value = NONE.includes(each.op) ? h("span", null)
    : choices && !MANY.includes(each.op) ? choice(named("Value"), [["", "Choose"], ...choices.map((name) => [name, name])], each.value, one)
    : entry(named("Value"), each.value, one, { help, placeholder: spec.example || null, oninput: (event) => one(event.target.value) });
  return h("div", { class: "filter", role: "group", "aria-label": `Filter ${index + 1}` }, field, op, value,
    h("button", { type: "button", onclick: remove, "aria-label": `Remove filter ${index + 1}` }, "Remove"));
}

function fieldOrder(chosen, state, changed) {
  const titles = Object.fromEntries(chosen.fields.map((field) => [field.field, field.title]));
  const list = h("ol", { class: "order", "aria-label": "Fields in order" });
  let dragged = "";

  function move(name, place, focus) {
    if (place < 0 || place >= state.order.length) return;
    state.order = state.order.filter((each) => each !== name);
    state.order.splice(place, 0, name);
    changed();
    draw();
    announce(`${titles[name]} is now ${place + 1} of ${state.order.length}.`);
    if (focus) list.children[place].querySelector(`[data-move="${focus}"]`).focus();
  }

  function item(name, index) {
    const button = (by, sign, word) => h("button", { type: "button", class: "slim", "data-move": word, "aria-label": `Move ${titles[name]} ${word}`,
      onclick: () => move(name, index + by, word) }, sign);
    const made = h("li", { draggable: "true", "data-field": name,
      ondragstart: (event) => { dragged = name; event.dataTransfer.setData("text/plain", name); },
      ondragover: (event) => { event.preventDefault(); made.classList.add("over"); },
      ondragleave: () => made.classList.remove("over"),
      ondrop: (event) => { event.preventDefault(); if (dragged) move(dragged, index); } },
      h("span", { class: "grip", "aria-hidden": "true" }, "⠿"),
      tick(titles[name], !state.left.has(name), (value) => { if (value) state.left.delete(name); else state.left.add(name); changed(); }),
      button(-1, "↑", "up"), button(1, "↓", "down"));
    return made;
  }
  const draw = () => fill(list, state.order.map(item));
  draw();
  return list;
}

async function runView(path, signal) {
  const id = path[2];
  const progress = await ask(`api/export/progress/${id}`, { signal });
  const again = () => replace(path);
  const next = h("a", { class: "button", href: "#/export" }, "Export something else");
  if (progress.status === "completed") {
    const place = h("div", null, h("p", { class: "row" }, download(`api/export/download/${id}`, "Download the file", true), next));
    return h("div", null, h("h1", null, "The file is ready"), note("good", `${several(progress.processedRecords, "record")} were written.`), place,
      h("p", { class: "dim" }, "The file is kept for a while only. ", h("a", { href: progress.prefectUrl, target: "_blank", rel: "noopener" }, "See the run in Prefect (opens a new tab)")));
  }
  if (["failed", "cancelled"].includes(progress.status)) {
    return h("div", null, h("h1", null, `Export ${progress.status}`), note(progress.status === "failed" ? "bad" : "warn", progress.message ?? "There is no file."), h("p", null, next));
  }
  return h("div", null, h("h1", null, "Exporting"), progressCard(`api/export/progress/${id}`, `api/export/${id}`, "export", signal, again, progress));
}
