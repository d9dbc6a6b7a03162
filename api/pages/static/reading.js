/** How a file is read: the options that fit its format, and the type of each sheet of a workbook. */

import { limits } from "./api.js";
import { h } from "./dom.js";
import { choice, entry, table, tick } from "./widgets.js";

export const DELIMITERS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe" };

const FORMATS = [["", "Detected automatically"], ["csv", "CSV"], ["excel", "Excel"], ["json", "JSON"], ["ndjson", "NDJSON"], ["parquet", "Parquet"], ["yaml", "YAML"], ["terraform", "Terraform"]];

/** Which options fit a format, beside the format itself. */
const FITTING = {
  csv: ["encoding", "delimiter", "headerRow", "noHeader", "columns", "null", "thousands", "decimalComma"],
  excel: ["headerRow", "noHeader", "columns", "null", "thousands", "decimalComma"],
  json: ["encoding", "records", "null", "thousands", "decimalComma"],
  ndjson: ["encoding", "null", "thousands", "decimalComma"],
  yaml: ["encoding", "records", "null", "thousands", "decimalComma"],
  parquet: ["null", "thousands", "decimalComma"],
  terraform: ["encoding"],
};

const LEAVE_OUT = "-";

/**
 * The options of reading, folded away until one of them is used or something is not read.
 * @param {Record<string, any>} declared  the options of an import @param {URLSearchParams} options @param {string} format  of the file
 * @param {(name: string) => (value: any) => void} set  sets an option, and reads the file again
 * @param {any} sheets  the table of a workbook's sheets @param {boolean} unread
 */
export function readingCard(declared, options, format, set, sheets, unread) {
  const asked = (name, properties) => entry(declared[name].title, options.get(name) ?? "", set(name), { ...limits(declared[name]), ...properties });
  const picked = (name, values, properties) => choice(declared[name].title, values, options.get(name) ?? "", set(name), properties);
  const flag = (name, what) => tick(`${declared[name].title}: ${what}`, options.get(name) === "true", (value) => set(name)(value ? "true" : ""));
  const fields = {
    encoding: () => asked("encoding", { help: "Such as cp1252." }),
    delimiter: () => picked("delimiter", [["", "Detected automatically"], ...Object.entries(DELIMITERS)], { help: "Field separator." }),
    headerRow: () => asked("headerRow", { type: "number", help: "The row with the column names." }),
    columns: () => asked("columns", { help: "Separated by commas, for a file without a header." }),
    records: () => asked("records", { help: "The member that holds the records." }),
    null: () => asked("null", { help: "Separated by commas, such as NULL, n/a." }),
    thousands: () => picked("thousands", [["", "None"], [",", "a comma: 1,000"], [".", "a point: 1.000"], ["'", "an apostrophe: 1'000"], [" ", "a space: 1 000"]]),
    noHeader: () => flag("noHeader", "the first row is a record"),
    decimalComma: () => flag("decimalComma", "1.000,5 is 1000.5"),
  };
  const fitting = FITTING[options.get("format") || format] ?? FITTING.csv;
  const open = unread || ["format", "sheets", ...fitting].some((name) => options.get(name));
  return h("details", { open }, h("summary", null, "How the file is read"),
    sheets,
    h("div", { class: "grid" }, picked("format", FORMATS), fitting.map((name) => fields[name]())));
}

/**
 * The sheets of a workbook, each with its type and its header row, which may be chosen.
 * @param {{name: string, read: boolean, resourceType: string | null}[]} sheets
 * @param {any[]} all  the types @param {Record<string, any>} given  what was chosen, by sheet
 * @param {() => void} changed
 */
export function sheetsTable(sheets, all, given, changed) {
  const titles = Object.fromEntries(all.map((each) => [each.type, each.title]));
  const update = (name, values) => {
    const { type, skip, ...rest } = { ...given[name], ...values };
    given[name] = { ...rest, ...(type && { type }), ...(skip && { skip }) };
    for (const option of ["headerRow", "mapping"]) if (!given[name][option]) delete given[name][option];
    if (!Object.keys(given[name]).length) delete given[name];
    changed();
  };
  const rows = sheets.map(({ name, read, resourceType }) => {
    const told = read ? `Detected${resourceType ? `: ${titles[resourceType]}` : ""}` : "Skipped: unknown type";
    const types = [["", told], [LEAVE_OUT, "Leave out"], ...all.map((each) => [each.type, each.title])];
    const chosen = given[name]?.skip ? LEAVE_OUT : (given[name]?.type ?? "");
    const type = choice(`Type of the sheet ${name}`, types, chosen, (value) => update(name, { type: value === LEAVE_OUT ? "" : value, skip: value === LEAVE_OUT, mapping: undefined }), { hidden: true });
    const header = h("input", { type: "number", min: 1, "aria-label": `Header row of the sheet ${name}`, value: given[name]?.headerRow ?? "", onchange: (event) => update(name, { headerRow: Number(event.target.value) || undefined }) });
    return [name, type, header];
  });
  return table("Sheets of the workbook", ["Sheet", "Type of its records", "Header row"], rows);
}
