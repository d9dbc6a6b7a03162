/** Browse: the records of a type, and one record with what happened to it. */

import { go, to } from "./address.js";
import { ask, type, types } from "./api.js";
import { h } from "./dom.js";
import { choice, entry, number, problemNote, shown, table, time } from "./widgets.js";

const SIZE = 50;

/** #/browse, #/browse/TYPE?search&sort&offset, #/browse/TYPE/record?key */
export async function browseView({ path, query }, signal) {
  const [, name, what] = path;
  if (!name) return typesView();
  return what === "record" ? recordView(name, query.get("key") ?? "", signal) : listView(name, query, signal);
}

async function typesView() {
  const rows = (await types()).map((each) => [h("a", { href: to(["browse", each.type]) }, each.title), each.key.join(" + "), number(each.fields)]);
  return h("div", null, h("h1", null, "Browse"), h("p", { class: "lead" }, "Choose a type to see its records."),
    table("Types", ["Type", "Key", { title: "Fields", num: true }], rows));
}

async function listView(name, query, signal) {
  const chosen = await type(name);
  const path = ["browse", name];
  const { search = "", sort = "", offset = "0", where = "" } = Object.fromEntries(query);
  const asked = new URLSearchParams({ limit: SIZE, offset, ...(search && { search }), ...(sort && { sort }), ...(where && { where }) });
  let page = { fields: [], items: [], total: 0 };
  let problem = "";
  try {
    page = await ask(`api/records/${name}?${asked}`, { signal });
  } catch (error) {
    if (![404, 422].includes(error.status)) throw error;
    problem = error.message;
  }
  const titles = Object.fromEntries(chosen.fields.map((field) => [field.field, field.title]));
  // Keys come first; what no record of this page has is left out, as the record's own page shows it.
  const filled = page.fields.filter((field) => !chosen.key.includes(field) && page.items.some((item) => item[field] !== null && item[field] !== undefined));
  const columns = [...filled.map((field) => ({ field, title: titles[field] ?? field })), { field: "updated_at", title: "Changed" }];
  const heads = columns.map(({ field, title }) => sortable(path, { search, where }, sort, field, title));
  const rows = page.items.map((item) => [
    h("a", { href: to([...path, "record"], { key: item.key }) }, item.key),
    ...filled.map((field) => shown(item[field])), time(item.updatedAt)]);
  const first = Number(offset);
  const find = (event) => {
    event.preventDefault();
    go(path, { search: event.target.querySelector("input").value.trim(), sort, where });
  };
  const turn = (to_) => to(path, { search, sort, where, offset: to_ || "" });
  const all = await types();
  return h("div", null, h("p", null, h("a", { href: "#/browse" }, "All types")), h("h1", null, chosen.title),
    h("section", { class: "card" },
      h("form", { class: "row end", role: "search", onsubmit: find },
        entry("Search", search, null, { type: "search", maxlength: 200 }),
        h("button", null, "Search"),
        choice("Type", all.map((each) => [each.type, each.title]), name, (value) => go(["browse", value]))),
      h("p", null),
      problem && problemNote(problem),
      table(`${number(page.total)} records`, [chosen.key.length > 1 ? "Record" : { title: titles[chosen.key[0]] ?? "Record" }, ...heads], rows,
        { empty: search ? "No record holds that text. Try another." : "There are no records of this type. Import a file." }),
      h("nav", { class: "pages", "aria-label": "Pages" },
        first > 0 && h("a", { class: "button slim", href: turn(Math.max(0, first - SIZE)) }, "Previous"),
        first + SIZE < page.total && h("a", { class: "button slim", href: turn(first + SIZE) }, "Next"),
        page.total > 0 && h("span", null, `${number(first + 1)}–${number(first + page.items.length)} of ${number(page.total)}`))));
}

/** A column's title that sorts by it: ascending first, then the reverse. */
function sortable(path, kept, sort, field, title) {
  const order = sort === field ? "ascending" : sort === `-${field}` ? "descending" : null;
  const next = order === "ascending" ? `-${field}` : field;
  const sign = order === "ascending" ? " ↑" : order === "descending" ? " ↓" : "";
  const sorting = () => go(path, { ...kept, sort: next });
  return { title: h("button", { type: "button", onclick: sorting, title: "Sort by this column" }, title, h("span", { "aria-hidden": "true" }, sign)), sort: order };
}

async function recordView(name, key, signal) {
  const chosen = await type(name);
  const found = await ask(`api/records/${name}/record?${new URLSearchParams({ key })}`, { signal });
  const titles = Object.fromEntries(chosen.fields.map((field) => [field.field, field.title]));
  const values = chosen.fields.filter(({ field }) => field in found.record).map(({ field, title }) => [title, shown(found.record[field])]);
  return h("div", null,
    h("p", null, h("a", { href: to(["browse", name]) }, `All records of ${chosen.title}`)),
    h("h1", null, key), h("p", { class: "lead" }, `${chosen.title}, made ${time(found.createdAt)}, changed ${time(found.updatedAt)}.`),
    h("section", { class: "card" }, h("h2", null, "Fields"), table("Fields", ["Field", "Value"], values)),
    h("section", { class: "card" }, h("h2", null, "What happened to it"),
      found.history.length === 0 && h("p", null, "No run that is on record made or changed it."),
      found.history.map((event) => happened(event, titles))));
}

function happened(event, titles) {
  const rows = Object.entries(event.fields).map(([name, { before, after }]) => [titles[name] ?? name, h("del", null, shown(before)), h("ins", null, shown(after))]);
  return h("div", null,
    h("h3", null, `${event.action} ${time(event.at)}`),
    h("p", null, "By the run of ", h("a", { href: `#/history/${event.runId}` }, event.source), event.requestedBy && `, asked for by ${event.requestedBy}`, "."),
    event.action === "updated" && rows.length > 0 && table(`Fields changed ${time(event.at)}`, ["Field", "Before", "After"], rows));
}
