/** Import: choose a file, say what its columns are, see what would happen, run it. */

import { go, keep, replace, to } from "./address.js";
import { Problem, ask, importOptions, limits, once, type, typeOf, types, upload } from "./api.js";
import { fill, h } from "./dom.js";
import { DELIMITERS, readingCard, sheetsTable } from "./reading.js";
import { progressCard, report, runView } from "./run.js";
import { bytes, choice, entry, isKept, note, number, problemNote, several, shown, steps, table, tick, time } from "./widgets.js";
import { plain } from "./words.js";

const STEPS = ["File", "Columns", "Preview", "Run", "Result"];
const stepper = (present) => steps(STEPS, present);

/** The options that a step changes as objects; an address holds them as JSON. */
const OBJECTS = ["mapping", "constants", "sheets"];

/** The items of a list of the address. */
const listOf = (text) => (text ?? "").split(",").map((item) => item.trim()).filter(Boolean);

/** #/import, #/import/UPLOAD/columns, #/import/UPLOAD/preview, #/import/run/ID */
export async function importView({ path, query }, signal) {
  const [, first, second] = path;
  if (!first) return fileStep(signal);
  if (first === "run") return runView({ path, query }, signal, () => replace(path, query), stepper);
  const file = await ask(`/api/uploads/${encodeURIComponent(first)}`, { signal });
  const tried = await preview(first, query, signal);
  if (tried.running) return waitStep(path, query, tried.running, signal);
  return second === "preview" && tried.result ? previewStep(file, query, tried, signal) : columnsStep(file, query, tried, signal);
}

// The file --------------------------------------------------------------------------------------------------------

function fileStep(signal) {
  const wrong = h("div", { id: "file-wrong", "aria-live": "polite" });
  const bar = h("progress", { max: 100, value: 0, "aria-label": "Sending the file", hidden: true });
  const told = h("p", { class: "dim", role: "status" });
  const input = h("input", { type: "file", id: "file", "aria-describedby": "file-help file-wrong", onchange: () => input.files[0] && send(input.files[0]) });
  const drop = h("div", { class: "drop" },
    h("p", null, h("strong", null, "Drop a file here"), ", or choose one:"),
    h("p", null, h("label", { for: "file", class: "unseen" }, "File to import"), input),
    h("p", { class: "dim small", id: "file-help" }, "CSV, JSON, NDJSON, YAML, Excel, Parquet or Terraform, also as .gz or .zip. Nothing is changed before you say so."),
    bar, told);
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
    });
  }

  async function send(file) {
    fill(wrong);
    bar.hidden = false;
    input.disabled = true;
    const form = new FormData();
    form.append("file", file);
    try {
      const answer = await upload("/api/import/preview", form, (sent, total) => {
        bar.value = (100 * sent) / total;
        told.textContent = sent < total ? `Sending ${file.name}: ${bytes(sent)} of ${bytes(total)}.` : `${file.name} is sent. Reading it.`;
      }, signal);
      // Where it takes longer than an answer may, the run is named, to be followed.
      go(["import", answer.uploadId, "columns"], { preview: answer.importId ?? answer.result.importId });
    } catch (error) {
      if (error.name === "AbortError") return;
      const found = error.problem?.upload;
      // A file that is kept may be read in another way.
      if (found?.uploadId) {
        remember({ uploadId: found.uploadId }, error);
        go(["import", found.uploadId, "columns"]);
        return;
      }
      fill(wrong, problemNote(error.message));
      bar.hidden = true;
      told.textContent = "";
      input.disabled = false;
      input.value = "";
      input.focus();
    }
  }

  return h("div", null, stepper("File"), h("h1", null, "Import a file"),
    h("p", { class: "lead" }, "Bring records in from a spreadsheet or an AWS document. You see what would happen before anything does."),
    h("section", { class: "card", "aria-label": "File" }, wrong, drop),
    h("p", null, "No file yet? ", h("a", { href: "#/templates" }, "Take a template"), " to fill in."));
}

// The preview, asked for --------------------------------------------------------------------------------------------

const VALUES = {
  array: (text) => listOf(text),
  object: (text) => JSON.parse(text),
  boolean: (text) => text === "true",
  integer: (text) => Number(text),
};

/** What an address asks for, as the API takes it: each option that it declares. */
async function request(uploadId, query, more = {}) {
  const given = Object.entries(await importOptions()).filter(([name]) => query.get(name));
  const values = given.map(([name, schema]) => [name, (VALUES[typeOf(schema)] ?? String)(query.get(name))]);
  return { ...Object.fromEntries(values), uploadId, ...more };
}

/** The last preview that could not be made, so that the step that shows why need not make it again. */
let lastRefusal = { key: "", found: null };

/**
 * The preview of an address: the one that it names, or a new one.
 * @returns {Promise<{result?: any, running?: string, problem?: string, columns: string[], samples: Record<string, string[]>, sheets?: any[]}>}
 */
async function preview(uploadId, query, signal, more = {}) {
  const named = query.get("preview");
  if (named) {
    const progress = await ask(`/api/import/progress/${named}`, { signal }).catch(() => null);
    if (progress && ["initializing", "processing"].includes(progress.status)) return { running: named, columns: [], samples: {} };
    const result = progress && (await ask(`/api/import/result/${named}?limit=0`, { signal }).catch(() => null));
    if (result) return known(result);
  }
  const asked = await request(uploadId, query, more);
  const key = JSON.stringify(asked);
  if (lastRefusal.key === key) return lastRefusal.found;
  try {
    const answer = await ask("/api/import/preview", { method: "POST", body: asked, signal });
    const id = answer.importId ?? answer.result.importId;
    query.set("preview", id);
    return answer.importId ? { running: id, columns: [], samples: {} } : known(answer.result);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 422) throw error;
    return remember(asked, error);
  }
}

/** Keep why a preview could not be made. */
function remember(asked, error) {
  const file = error.problem.upload ?? {};
  const found = { problem: error.message, columns: file.columns ?? [], samples: file.samples ?? {}, sheets: file.sheets ?? [], resourceType: file.resourceType, mapping: file.mapping };
  lastRefusal = { key: JSON.stringify(asked), found };
  return found;
}

function known(result) {
  const columns = result.origin?.columns ?? [];
  const found = { columns, samples: result.origin?.samples ?? {}, sheets: result.origin?.sheets ?? [] };
  return result.status === "completed" ? { result, ...found } : { problem: plain(result.message) || "The preview was stopped. Try again.", ...found };
}

function waitStep(path, query, id, signal) {
  keep(path, query);
  return h("div", null, stepper("Columns"), h("h1", null, "Reading the file"),
    h("p", { class: "lead" }, "A big file takes a while. Nothing is changed."),
    progressCard(`/api/import/progress/${id}`, `/api/import/${id}`, "preview", signal, () => replace(path, query)));
}

// The columns -------------------------------------------------------------------------------------------------------

async function columnsStep(file, query, tried, signal) {
  const path = ["import", file.uploadId, "columns"];
  keep(path, query);
  const [all, saved, declared] = await Promise.all([types(), ask("/api/mappings", { signal }), importOptions()]);
  const typeName = tried.result?.resourceType ?? query.get("resourceType") ?? tried.resourceType ?? "";
  // A source of one type has parts, too, where records are created that its rows refer to.
  const parts = tried.result?.resourceType ? [] : (tried.result?.parts ?? []).filter((part) => part.columns.length);
  // Of several types each has its own columns; a value for every row is given to those that have the field.
  const each = await Promise.all((parts.length ? parts.map((part) => part.resourceType) : [typeName]).filter(Boolean).map((name) => type(name)));
  const chosen = parts.length ? null : each[0];
  const wrong = h("div", { "aria-live": "polite" }, tried.problem && problemNote(tried.problem));

  const state = {
    mapping: JSON.parse(query.get("mapping") ?? "{}"),
    constants: JSON.parse(query.get("constants") ?? "{}"),
    sheets: JSON.parse(query.get("sheets") ?? "{}"),
    saveMapping: "",
  };
  const options = new URLSearchParams(query);

  /** The address with all that was chosen here. */
  function changed() {
    options.delete("preview");
    for (const name of OBJECTS) {
      if (Object.keys(state[name]).length) options.set(name, JSON.stringify(state[name]));
      else options.delete(name);
    }
    keep(path, options);
  }
  const set = (name) => (value) => {
    if (value) options.set(name, value);
    else options.delete(name);
    changed();
  };
  /** A choice that alters what the file is read as is tried at once. */
  const setAndRead = (name) => (value) => {
    if (name === "resourceType") {
      state.mapping = {};
      // One type is that of all sheets.
      for (const sheet of Object.values(state.sheets)) delete sheet.type;
    }
    if (["noHeader", "columns"].includes(name)) options.delete("headerRow");
    if (name === "headerRow") for (const other of ["noHeader", "columns"]) options.delete(other);
    set(name)(value);
    replace(path, options);
  };
  function sheetsChanged() {
    if (Object.values(state.sheets).some((sheet) => sheet.type)) options.delete("resourceType");
    changed();
    replace(path, options);
  }

  async function next(event) {
    event.preventDefault();
    const button = event.target.querySelector(".primary");
    button.setAttribute("aria-disabled", "true");
    fill(wrong);
    const more = state.saveMapping ? { saveMapping: state.saveMapping } : {};
    try {
      const asked = state.saveMapping ? new URLSearchParams([...options].filter(([name]) => name !== "preview")) : options;
      const found = await preview(file.uploadId, asked, signal, more);
      if (found.problem) throw new Problem(422, { detail: found.problem });
      go(["import", file.uploadId, "preview"], asked);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(wrong, problemNote(error.message));
      button.removeAttribute("aria-disabled");
      wrong.scrollIntoView({ block: "center" });
    }
  }

  const typeOptions = [["", parts.length ? "All that were found" : "Choose a type"], ...all.map((known) => [known.type, known.title])];
  return h("div", null, stepper("Columns"), h("h1", null, "Say what the columns are"),
    h("p", { class: "lead" }, `${file.fileName}, ${bytes(file.size)}`),
    h("form", { onsubmit: next },
      wrong,
      h("section", { class: "card" },
        h("h2", null, "The file"),
        found(file, tried.result),
        h("div", { class: "grid" },
          choice("Type of the records", typeOptions, typeName, setAndRead("resourceType"), { help: tried.result && !query.get("resourceType") ? "Inferred from the columns." : "Choose what the rows are." }),
          saved.length > 0 && !parts.length && choice("Saved mapping", [["", "None"], ...saved.filter((known) => !typeName || known.resourceType === typeName).map((known) => [known.name, known.name])],
            query.get("savedMapping") ?? "", setAndRead("savedMapping"), { help: "Uses the columns that were saved under a name." })),
        readingCard(declared, options, tried.result?.origin?.format ?? file.format, setAndRead,
          tried.sheets?.length > 1 && sheetsTable(tried.sheets, all, state.sheets, sheetsChanged),
          !tried.columns.length || tried.sheets?.some((sheet) => !sheet.read))),
      chosen && mappingCard(tried, chosen, state, changed),
      parts.length > 0 && partsCard(parts, each, tried.sheets, state, changed),
      each.length > 0 && constantsCard(each, state, changed),
      chosen && h("section", { class: "card" }, h("h2", null, "Keep this mapping"),
        h("div", { class: "grid" }, entry("Save under the name", "", (value) => { state.saveMapping = value; }, { help: "Leave empty to keep nothing.", ...limits(declared.saveMapping) }))),
      h("p", { class: "row" },
        h("button", { class: "primary", disabled: !each.length }, "Show what would happen"),
        h("a", { class: "button", href: "#/import" }, "Choose another file")),
      !each.length && h("p", { class: "dim" }, "Choose a type first: then you can say which column holds what.")));
}

function found(file, result) {
  const origin = result?.origin ?? {};
  const told = {
    Format: origin.format ?? file.format,
    Records: result ? number(result.counts.read) : null,
    Encoding: origin.encoding,
    Delimiter: origin.delimiter && (DELIMITERS[origin.delimiter] ?? origin.delimiter),
    Sheet: origin.sheet,
    "Header in row": origin.headerRow,
    Document: origin.document,
  };
  return h("dl", { class: "figures" }, Object.entries(told).filter(([, value]) => value)
    .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

/** What a column says of the block whose first address is in another one. */
const MEASURES = { mask: "its mask or length", end: "its last address", count: "its number of addresses" };
const JOINED = "+";

/** How surely a column fills its field, and why; the joins and the overriding constants of a mapping count, too. */
function surety(mapping, column, match) {
  const join = mapping?.joins?.find((each) => each.column === column);
  if (join) return `read with ${mapping.columns.find((each) => each.field === join.field)?.column ?? join.field}, as ${MEASURES[join.measure] ?? join.measure}`;
  if (match && mapping.overrides?.includes(match.field)) return `not read: every row has ${mapping.constants[match.field]}`;
  return match ? `${Math.round(match.confidence * 100)} %, by ${match.how}` : "–";
}

/** The choice of a column's field. */
function fieldChoice(label, column, mapping, fields, value, chosen) {
  const join = mapping?.joins?.find((each) => each.column === column);
  const joined = join && [JOINED, `Part of ${fields.find((field) => field.field === join.field)?.title ?? join.field}`];
  const options = [...(joined ? [joined] : []), ["", "Leave out"], ...fields.map((field) => [field.field, `${field.title}${field.required ? " (required)" : ""}`])];
  return choice(label, options, value ?? (joined ? JOINED : ""), (picked) => chosen(picked === JOINED ? undefined : picked), { hidden: true });
}

/** A column, with a choice of its field; `given` takes what is chosen. */
function columnCells(label, column, mapping, fields, given, guess, changed) {
  const match = mapping?.columns?.find((each) => each.column === column);
  const told = h("span", null, surety(mapping, column, match));
  const select = fieldChoice(label, column, mapping, fields, given[column] ?? match?.field ?? guess, (value) => {
    if (value === undefined) delete given[column];
    else given[column] = value;
    told.textContent = value === undefined ? surety(mapping, column, match) : "chosen by you";
    changed();
  });
  return [select, told];
}

function mappingCard(tried, chosen, state, changed) {
  const mapping = tried.result?.mapping ?? tried.mapping;
  const filled = [...(mapping?.columns ?? []).map((match) => match.field), ...Object.values(state.mapping), ...Object.keys(state.constants)];
  const missing = chosen.fields.filter((field) => field.required && !filled.includes(field.field));
  const guess = (column) => chosen.fields.find((field) => [field.field, field.title.toLowerCase()].includes(column.trim().toLowerCase()))?.field;
  const rows = tried.columns.map((column) =>
    [column, (tried.samples[column] ?? []).map(shown).join(" · ") || "–",
      ...columnCells(`Field of the column ${column}`, column, mapping, chosen.fields, state.mapping, mapping ? undefined : guess(column), changed)]);
  return h("section", { class: "card" }, h("h2", null, "Columns"),
    h("p", null, "Check what each column was taken for, and change what is wrong."),
    mapping && missing.length > 0 && note("warn", "Still missing: ", h("strong", null, missing.map((field) => field.title).join(", ")), ". Choose the column that holds it, or give a value for every row."),
    table("Columns of the file and the fields they fill", ["Column", "First values", "Field", "How sure"], rows));
}

/** How the columns of each type were read, where a file holds several; those of sheets can be changed. */
function partsCard(parts, each, sheets, state, changed) {
  const of = Object.fromEntries(parts.map((part, index) => [part.resourceType, { part, ...each[index] }]));
  const read = (sheets ?? []).filter((sheet) => of[sheet.resourceType]);
  const rows = read.length
    ? read.flatMap((sheet) => sheetRows(sheet, of[sheet.resourceType], state, changed))
    : Object.values(of).flatMap(({ part, title, fields }) => part.columns.map((column) => {
      const match = part.mapping?.columns?.find((found) => found.column === column);
      const filled = match && (fields.find((field) => field.field === match.field)?.title ?? match.field);
      return [title, part.source, column, filled ?? "Left out", surety(part.mapping, column, match)];
    }));
  return h("section", { class: "card" }, h("h2", null, `${several(parts.length, "type")} in this file`),
    h("p", null, "Each is loaded into its own type, those that others refer to first. To import one of them alone, choose its type above."),
    table("Columns of each type and the fields they fill", ["Type", "From", "Column", "Field", "How sure"], rows));
}

/** The columns of a sheet, whose mapping is its own. */
function sheetRows(sheet, { part, title, fields }, state, changed) {
  const given = { ...state.sheets[sheet.name]?.mapping };
  const chosen = () => {
    state.sheets[sheet.name] = { ...state.sheets[sheet.name], mapping: { ...given } };
    changed();
  };
  return sheet.columns.map(({ column, field }) =>
    [title, sheet.name, column, ...columnCells(`Field of the column ${column} of the sheet ${sheet.name}`, column, part.mapping, fields, given, field, chosen)]);
}

/** Whether a constant overrides what the file says: it ends with an odd number of exclamation marks. */
const overrides = (value) => /!*$/.exec(value)[0].length % 2 === 1;

/** A value for every row of what is imported: the fields are those of all its types. */
function constantsCard(chosen, state, changed) {
  const list = h("div", null);
  const fields = Object.fromEntries(chosen.flatMap((each) => each.fields).map((each) => [each.field, each.title]));
  const draw = () => fill(list, Object.entries(state.constants).map(([field, value]) =>
    h("p", { class: "row" }, `${fields[field] ?? field} is `, h("strong", null, value.replace(/!+$/, (signs) => "!".repeat(signs.length / 2))),
      overrides(value) ? " in every row, whatever the file says." : " in every row that has no value of its own.",
      h("button", { type: "button", class: "slim", "aria-label": `Remove the value of ${field}`, onclick: () => { delete state.constants[field]; changed(); draw(); } }, "Remove"))));
  const field = h("select", { id: "constant-field" }, Object.entries(fields).map(([name, title]) => h("option", { value: name }, title)));
  const value = h("input", { type: "text", id: "constant-value", onkeydown: (event) => event.key === "Enter" && (event.preventDefault(), add()) });
  const whole = h("input", { type: "checkbox" });
  function add() {
    if (!value.value.trim()) {
      value.focus();
      return;
    }
    // A value that ends with exclamation marks is written with each of them twice.
    state.constants[field.value] = value.value.trim().replace(/!+$/, (signs) => signs + signs) + (whole.checked ? "!" : "");
    value.value = "";
    changed();
    draw();
  }
  draw();
  return h("section", { class: "card" }, h("h2", null, "The same value in every row"),
    h("p", null, "For what the file does not hold, such as a region or an account."),
    list,
    h("div", { class: "row end" },
      h("label", { class: "field" }, h("span", null, "Field to set"), field),
      h("label", { class: "field" }, h("span", null, "Value of every row"), value),
      h("label", { class: "tick" }, whole, "Override what the file says"),
      h("button", { type: "button", onclick: add }, "Add the value")));
}

// The preview, shown ------------------------------------------------------------------------------------------------

const CHOICES = {
  mode: ["Import mode", [["", "Create new records and update known ones"], ["create", "Create new records only"], ["update", "Update known records only"], ["sync", "Sync: create, update, and retire what the file lacks"]]],
  missing: ["What the file lacks, when syncing", [["", "Is retired: kept, and left out of lists"], ["delete", "Is deleted"], ["ignore", "Stays"]]],
  onError: ["When rows are rejected", [["", "Import the other rows"], ["abort", "Import nothing"]]],
  empty: ["An empty cell", [["", "Clears the stored value"], ["keep", "Keeps the stored value"]]],
  stale: ["A record changed since the export", [["", "Is left alone"], ["overwrite", "Is written over"]]],
  unknown: ["A column that fits no field", [["", "Is reported and left out"], ["ignore", "Is left out"], ["refuse", "Stops the import"]]],
};

async function previewStep(file, query, { result }, signal) {
  const path = ["import", file.uploadId, "preview"];
  keep(path, query);
  const options = new URLSearchParams(query);
  const wrong = h("div", { "aria-live": "polite" });
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const { counts } = result;
  const sound = counts.create + counts.update + counts.delete + counts.retire;
  const ended = await endOf(result, signal);

  const set = (name) => (value) => {
    if (value) options.set(name, value);
    else options.delete(name);
    options.delete("preview");
    keep(path, options);
    draw(note("warn", "You changed the options. Preview again to see what they do."));
  };

  function again() {
    options.delete("preview");
    replace(path, options);
  }

  /** Import what is shown and nothing else: a plan that was used, has expired or has drifted is refused. */
  async function run(event) {
    event.preventDefault();
    const button = event.target.querySelector(".primary");
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    try {
      const body = { planId: result.importId, hash: result.plan.hash };
      // Pressed twice, it is one import.
      const headers = { "Idempotency-Key": key };
      const accepted = await ask("/api/import/execute", { method: "POST", body, headers, signal });
      go(["import", "run", accepted.importId], { ...Object.fromEntries(options), preview: "", upload: file.uploadId });
    } catch (error) {
      if (error.name === "AbortError") return;
      draw(problemNote(error.message));
    }
  }

  const buttons = h("div", null);
  /** Show the buttons: *Import* while the preview is what would be done, otherwise the reason and *Preview again*. */
  function draw(reason) {
    fill(wrong, reason);
    const label = sound ? `Import ${several(sound, "record")}` : "Import all the same";
    const main = reason ? h("button", { type: "button", class: "primary", onclick: again }, "Preview again") : h("button", { class: "primary" }, label);
    const others = [h("a", { class: "button", href: to(["import", file.uploadId, "columns"], query) }, "Back to the columns"), h("a", { class: "button", href: "#/import" }, "Choose another file")];
    fill(buttons, h("p", { class: "row" }, main, ended ? null : others));
  }
  draw(ended);

  const syncs = options.get("mode") === "sync";
  const asked = Object.entries(CHOICES).filter(([name]) => name !== "missing" || syncs);
  const referred = ended ? [] : await creatable(result);
  const custom = ended ? [] : await customRules(result);
  /** A tick box for one item of an option that is a list. */
  const listTick = (label, option, item) => tick(label, listOf(options.get(option)).includes(item), (wanted) => {
    const others = listOf(options.get(option)).filter((other) => other !== item);
    set(option)([...others, ...(wanted ? [item] : [])].join(","));
  });
  const selects = asked.map(([name, [label, values]]) => choice(label, values, options.get(name) ?? "", set(name)));
  return h("div", null, stepper("Preview"), h("h1", null, "See what would happen"),
    h("p", { class: "lead" }, `${file.fileName} as ${await kind(result)}.`, ended ? null : " Nothing is changed yet."),
    await report(result, signal),
    h("form", { class: "card", onsubmit: run, "aria-label": "Import" },
      h("h2", null, "How to import"),
      ended ? null : h("div", { class: "grid" }, selects,
        entry("Stop when more rows are rejected than", options.get("maxErrors") ?? "", set("maxErrors"), { help: "A number such as 100, or a share such as 5%. Empty for no limit." }),
        syncs && entry("Hold when more records would be deleted or retired than", options.get("maxDelete") ?? "", set("maxDelete"), { help: "A number such as 100, or a share such as 5%. Empty for 20%." }),
        syncs && entry("Hold when more records would be updated than", options.get("maxUpdate") ?? "", set("maxUpdate"), { help: "A number such as 100, or a share such as 5%. Empty for no limit." })),
      ended ? null : custom.map(({ name, message }) => listTick(`Skip the rule ${name}: ${message}`, "withoutRules", name)),
      ended ? null : referred.map(({ type: name, title }) => listTick(`Create a ${title} that rows refer to where it does not exist`, "createMissing", name)),
      h("p", null), wrong, buttons));
}

/** Why a preview can no longer be imported, or null while it can: it was imported before, or has expired. */
async function endOf({ plan }, signal) {
  if (isKept(plan)) return null;
  if (!plan?.applied) return note("warn", "This preview has expired. Preview again to see what the file would change now.");
  const done = await ask(`/api/import/result/${plan.applied}?limit=0`, { signal });
  return note("warn", "This preview was imported at ", time(done.startedAt), ". ", h("a", { href: to(["import", "run", plan.applied]) }, "See the result"));
}

/** The custom rules that concern the types of a result. */
async function customRules({ resourceType, parts }) {
  const own = resourceType ? [resourceType] : parts.map((part) => part.resourceType);
  return (await once("/api/rules")).filter((rule) => rule.source !== "built in" && rule.types.some((name) => own.includes(name)));
}

/** The types of which records can be created where the rows of a result refer to them. */
async function creatable({ resourceType, parts }) {
  const own = await Promise.all((resourceType ? [resourceType] : parts.map((part) => part.resourceType)).map((name) => type(name)));
  const names = [...new Set(own.flatMap((each) => each.createMissing))];
  return Promise.all(names.map((name) => type(name)));
}

/** What the records of a file are, in words. */
async function kind({ resourceType, parts }) {
  const found = await Promise.all((resourceType ? [resourceType] : parts.map((part) => part.resourceType)).map((name) => type(name)));
  return found.map((each) => each.title).join(", ");
}
