/** The second step of an import: say what its columns are. */

import { go, keep, replace } from "./address.js";
import { Problem, ask, importOptions, limits, type, types } from "./api.js";
import { fill, h } from "./dom.js";
import { constantsCard, mappingCard, partsCard } from "./mapping.js";
import { preview } from "./preview.js";
import { DELIMITERS, readingCard, sheetsTable } from "./reading.js";
import { bytes, choice, entry, number, problemNote, stepper } from "./widgets.js";

/** The options that the step changes as objects; an address holds them as JSON. */
const OBJECTS = ["mapping", "constants", "sheets"];

export async function columnsStep(file, query, tried, signal) {
  const path = ["import", file.uploadId, "columns"];
  keep(path, query);
  const [all, saved, declared] = await Promise.all([types(), ask("api/mappings", { signal }), importOptions()]);
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
          choice(declared.resourceType.title, typeOptions, typeName, setAndRead("resourceType"), { help: tried.result && !query.get("resourceType") ? "Inferred from the columns." : "Choose what the rows are." }),
          saved.length > 0 && !parts.length && choice(declared.savedMapping.title, [["", "None"], ...saved.filter((known) => !typeName || known.resourceType === typeName).map((known) => [known.name, known.name])],
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
