/** History: the imports of the past, one of them, and what became of the records of each day. */

import { go, here, replace, to } from "./address.js";
import { ask, types } from "./api.js";
import { h } from "./dom.js";
import { runView } from "./run.js";
import { choice, duration, number, state, table, time } from "./widgets.js";

const SIZE = 20;
const DAYS = 30;
const STATES = ["completed", "failed", "cancelled", "running"];
const ACTIONS = { created: "create", updated: "update", unchanged: "unchanged", rejected: "rejected" };

/** #/history?type&status&sync&previews&after, #/history/ID */
export async function historyView({ path, query }, signal) {
  if (path[1]) return runView({ path, query }, signal, () => replace(path, query), () => h("p", null, h("a", { href: "#/history" }, "All runs")));
  const asked = new URLSearchParams([...query].filter(([name]) => name !== "previews"));
  asked.set("limit", SIZE);
  // A preview is looked at once, as it is made; here it would hide the runs that did something.
  if (!query.get("previews")) asked.set("dryRun", "false");
  const [found, days, all] = await Promise.all([
    ask(`api/imports?${asked}`, { signal }), ask(`api/imports/daily?days=${DAYS}`, { signal }), types()]);
  const filter = (name) => (value) => go(["history"], { ...Object.fromEntries(here().query), after: "", [name]: value });
  const next = found.next && new URLSearchParams(found.next.split("?")[1]).get("after");
  const labels = Object.fromEntries(all.map((each) => [each.type, each.title]));
  const kind = (run) => run.parts.map((part) => labels[part.resourceType]).join(", ") || (labels[run.resourceType] ?? "–");
  // Most imports take nothing away: a column of noughts would only make the table wider.
  const taken = Object.fromEntries(Object.entries({ retire: "Retired", delete: "Deleted" }).filter(([name]) => found.items.some((run) => run.counts[name])));
  const rows = found.items.map((run) => [
    source(run), kind(run), state(run), time(run.startedAt), run.requestedBy ?? "–", number(run.counts.create), number(run.counts.update),
    number(run.counts.unchanged), number(run.counts.rejected), ...Object.keys(taken).map((name) => number(run.counts[name])), duration(run.durationSeconds)]);
  const figures = ["Created", "Updated", "Unchanged", "Rejected", ...Object.values(taken), "Took"].map((title) => ({ title, num: true }));
  const filters = Object.fromEntries(["type", "status", "sync", "previews"].map((name) => [name, query.get(name)]));
  return h("div", null, h("h1", null, "History"), h("p", { class: "lead" }, "Every import, sync and undo, the newest first."),
    chart(days),
    h("section", { class: "card" }, h("h2", null, "Runs"),
      h("div", { class: "grid" },
        choice("Type", [["", "All types"], ...all.map((each) => [each.type, each.title])], query.get("type") ?? "", filter("type")),
        choice("State", [["", "All states"], ...STATES.map((name) => [name, name])], query.get("status") ?? "", filter("status")),
        choice("Previews", [["", "Left out"], ["shown", "Shown too"]], query.get("previews") ?? "", filter("previews")),
        query.get("sync") && choice("Sync", [["", "All runs"], [query.get("sync"), query.get("sync")]], query.get("sync"), filter("sync"))),
      h("p", null),
      table("Runs", ["Source", "Type", "State", "When", "Who", ...figures], rows, { empty: "No run fits. Import a file, or choose other filters." }),
      h("div", { class: "pages" },
        query.get("after") && h("a", { class: "button slim", href: to(["history"], filters) }, "Newest"),
        next && h("a", { class: "button slim", href: to(["history"], { ...filters, after: next }) }, "Older runs"))));
}

/** What was imported; of a sync, with the way to all of its runs. */
function source(run) {
  const link = h("a", { href: `#/history/${run.importId}` }, run.source);
  return run.sync ? [link, h("br"), h("a", { class: "small", href: to(["history"], { sync: run.sync }), "aria-label": `All runs of the sync ${run.sync}` }, "sync")] : link;
}

/** Bars of each day's records by action, with a table that says the same. */
function chart(found) {
  const days = everyDay(found);
  const sum = (day) => Object.keys(ACTIONS).reduce((total, name) => total + day[name], 0);
  const most = Math.max(1, ...days.map(sum));
  const bars = days.map((day) => h("div", { title: `${day.day}: ${number(sum(day))}` }, Object.entries(ACTIONS).map(([name, colour]) => {
    const part = h("i", { class: colour });
    part.style.height = `${(100 * day[name]) / most}%`;
    return part;
  })));
  const columns = ["Day", ...["Created", "Updated", "Unchanged", "Rejected"].map((title) => ({ title, num: true }))];
  const legend = Object.entries(ACTIONS).map(([name, colour]) => h("li", null, h("i", { class: colour }), name));
  return h("section", { class: "card" }, h("h2", null, "Records per day"),
    found.length === 0 && h("p", { class: "dim" }, "Nothing was imported in the last 30 days."),
    found.length > 0 && [
      h("div", { class: "chart", "aria-hidden": "true" }, bars),
      h("div", { class: "span small dim", "aria-hidden": "true" }, h("span", null, days[0].day), h("span", null, "today")),
      h("ul", { class: "legend small", "aria-hidden": "true" }, legend),
      h("details", null, h("summary", null, "The same as a table"),
        table("Records of imports of the last 30 days (UTC)", columns, found.map((day) => [day.day, ...Object.keys(ACTIONS).map((name) => number(day[name]))])))]);
}

/** The last days, each with its figures: those on which nothing was imported are nought. */
function everyDay(found) {
  const known = Object.fromEntries(found.map((day) => [day.day, day]));
  return Array.from({ length: DAYS }, (_, index) => {
    const day = new Date(Date.now() - (DAYS - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    return known[day] ?? { day, created: 0, updated: 0, unchanged: 0, rejected: 0 };
  });
}
