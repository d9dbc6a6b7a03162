/** Which column fills which field: cards to look at and change the mapping and the values of every row. */

import { fill, h } from "./dom.js";
import { choice, note, several, shown, table } from "./widgets.js";

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

export function mappingCard(tried, chosen, state, changed) {
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
export function partsCard(parts, each, sheets, state, changed) {
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
export function constantsCard(chosen, state, changed) {
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
