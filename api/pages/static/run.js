/** A run while it lasts, and what an import did or would do: shared by import, history and export. */

import { go, to } from "./address.js";
import { ENDED, Problem, ask, follow, type } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { choice, countsBar, download, duration, isApproved, isHeld, isKept, isRejected, note, number, paged, problemNote, several, shown, state, table, time } from "./widgets.js";

/**
 * Show a run's progress until it ends, then call `ended`.
 * @param {string} path  of its progress
 * @param {string} stop  the path that cancels it
 * @param {any} [known]  the progress, where it was read already
 */
export function progressCard(path, stop, what, signal, ended, known) {
  const bar = h("progress", { max: 100, value: 0, "aria-label": `Progress of the ${what}` });
  const phase = h("h2", null, "Starting");
  const figures = h("dl", { class: "figures" });
  const waits = h("p", null);
  const message = h("div", { "aria-live": "polite" });
  const cancel = h("button", { type: "button", onclick: cancelled }, `Cancel the ${what}`);

  async function cancelled() {
    cancel.setAttribute("aria-disabled", "true");
    try {
      fill(message, note("warn", (await ask(stop, { method: "DELETE" })).message));
    } catch (error) {
      cancel.removeAttribute("aria-disabled");
      fill(message, problemNote(error.message));
    }
  }

  function told(progress) {
    bar.value = progress.percent;
    bar.textContent = `${Math.round(progress.percent)} %`;
    phase.textContent = progress.phaseLabel;
    const ofAll = progress.totalRecords ? ` of ${number(progress.totalRecords)}` : "";
    const shownFigures = {
      Done: `${Math.round(progress.percent)} %`,
      Rows: `${number(progress.processedRecords)}${ofAll}`,
      Rejected: what === "export" ? null : number(progress.rejectedRecords),
      "Rows per second": progress.recordsPerSecond ? number(progress.recordsPerSecond) : "–",
      "Time left": progress.etaSeconds === null ? "–" : duration(Math.ceil(progress.etaSeconds)),
    };
    fill(figures, Object.entries(shownFigures).filter(([, value]) => value !== null)
      .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
    // Its result says how it ended, in the words of this page.
    waits.textContent = ENDED.includes(progress.status) ? "" : (progress.message ?? "");
    announce(`${progress.phaseLabel}, ${Math.floor(progress.percent / 20) * 20} percent.`);
  }

  if (known) told(known);
  follow(path, told, signal).then(ended).catch((error) => {
    if (error.name !== "AbortError") fill(message, problemNote(error.message));
  });
  return h("section", { class: "card", "aria-label": "Progress" }, phase, bar, figures, waits, message,
    h("p", { class: "row" }, cancel, h("span", { class: "dim small" }, "You may close this page: the run goes on, and this address shows it again.")));
}

/**
 * What an import did, or what a dry run would do.
 * @param {any} result  of /api/import/result @param {AbortSignal} signal
 */
export async function report(result, signal) {
  const fields = await fieldTitles(result);
  const parts = [plan(result)];
  if (result.parts.length) parts.push(partsCard(result, fields));
  if (result.notices.length) {
    parts.push(result.notices.map((notice) => note(notice.severity === "error" ? "bad" : "warn", notice.message)));
  }
  if (result.rules.some((rule) => rule.rule === "moved")) parts.push(await movedCard(result, fields, signal));
  if (result.counts.rejected) parts.push(await rejectedCard(result, fields, signal));
  if (result.rules.some((rule) => rule.rule !== "moved")) parts.push(await rulesCard(result, fields, signal));
  if (result.changes?.length) parts.push(changesCard(result, fields));
  if (result.samples?.length) parts.push(samplesCard(result, fields));
  return parts;
}

/**
 * What people call the types and the fields of a result: type → its title, and field → title by type.
 * @returns {Promise<{types: Record<string, string>, of: (name: string, type?: string | null) => string | undefined}>}
 */
async function fieldTitles(result) {
  const names = result.parts.length ? result.parts.map((part) => part.resourceType) : [result.resourceType].filter(Boolean);
  const found = await Promise.all(names.map((name) => type(name)));
  const fields = Object.fromEntries(found.map((each) => [each.type, Object.fromEntries(each.fields.map((field) => [field.field, field.title]))]));
  return {
    types: Object.fromEntries(found.map((each) => [each.type, each.title])),
    of: (name, of) => fields[of ?? result.resourceType]?.[name],
  };
}

/** Whether a result tells what would happen: of a preview, and of a sync that waits for a yes. */
const isPlan = (result) => result.dryRun || isHeld(result) || isApproved(result) || isRejected(result.plan);

function plan(result) {
  const { counts, repeats, undoes, applies } = result;
  const would = isPlan(result);
  return h("section", { class: "card", "aria-label": "Counts" },
    h("h2", null, `What ${would ? "would happen" : "happened"} to ${several(counts.read, undoes ? "record" : "row")}`),
    countsBar(counts, would, Boolean(undoes)),
    h("p", null),
    applies && h("p", null, `This run ${result.status === "completed" ? "applied" : "was to apply"} `, h("a", { href: `#/history/${applies}` }, "a plan that was made before"), "."),
    undoes && h("p", null, "This run took back ", h("a", { href: `#/history/${undoes}` }, "an earlier one"), "."),
    !undoes && h("p", { class: "dim small" }, `${several(counts.warnings, "warning")} and ${several(counts.repairs, "repair")}; neither rejects a row.`),
    repeats && note("", "The same file was imported before. ", h("a", { href: `#/history/${repeats}` }, "See that run"), "."));
}

/** What became of each type of a document or a source that holds several. */
function partsCard(result, fields) {
  const words = { create: "Created", update: "Updated", unchanged: "Unchanged", rejected: "Rejected", retire: "Retired", delete: "Deleted" };
  const told = Object.keys(words).filter((name) => !["retire", "delete"].includes(name) || result.counts[name]);
  const columns = ["Type", "From", { title: "Rows", num: true }, ...told.map((name) => ({ title: words[name], num: true }))];
  const rows = result.parts.map((part) => [fields.types[part.resourceType], part.source, number(part.counts.read), ...told.map((name) => number(part.counts[name]))]);
  return h("section", { class: "card" }, h("h2", null, "By type"), table("Each type", columns, rows));
}

/** What was changed after a plan was made, for which it was refused or which it left out. */
async function movedCard(result, fields, signal) {
  const size = 10;
  const list = paged(async (offset) => {
    const { issues } = await ask(`api/import/result/${result.importId}?${new URLSearchParams({ rule: "moved", limit: size, offset })}`, { signal });
    const rows = issues.items.map((issue) => [issue.value, ...ofType(issue, fields), issue.row ? number(issue.row) : "–", { cell: h("td", { class: "long" }, issue.message) }]);
    return { body: table("Records that were changed since", ["Record", ...typeColumn(result), "Row", "What"], rows), count: rows.length, total: issues.total };
  }, size, "records that were changed since");
  await list.ready;
  const [{ count }] = result.rules.filter((rule) => rule.rule === "moved");
  return h("section", { class: "card" }, h("h2", null, `Changed since the preview (${number(count)})`),
    h("p", null, result.status === "completed" ? "These records were left out, and are as they were." : "Because of these records, nothing was done."), list.node);
}

const typeColumn = (result) => (result.parts.length ? ["Type"] : []);
const ofType = ({ resourceType }, fields) => (resourceType ? [fields.types[resourceType]] : []);

async function rejectedCard(result, fields, signal) {
  const size = 10;
  const list = paged(async (offset) => {
    const page = await ask(`api/import/result/${result.importId}/rejects?limit=${size}&offset=${offset}`, { signal });
    return { body: rejectedTables(page.items, result, fields), count: page.items.length, total: page.total };
  }, size, "rejected rows");
  // What was left out because it moved is told by itself.
  if ((await list.ready) === 0 && result.applies) return null;
  const links = [
    result.links.rejectsXlsx && download(result.links.rejectsXlsx, "Download as a workbook"),
    result.links.rejectsCsv && download(result.links.rejectsCsv, "Download as CSV"),
  ].filter(Boolean);
  if (result.undoes) {
    return h("section", { class: "card" }, h("h2", null, `Edited since (${number(result.counts.rejected)})`),
      h("p", null, "These records were edited after the run that was undone, and stay as they are."), list.node);
  }
  return h("section", { class: "card" },
    h("h2", null, `Rejected rows (${number(result.counts.rejected)})`),
    h("p", null, isPlan(result)
      ? "These rows would be skipped. Fix them in your file and choose it again, or import the others now and fix these later."
      : "These rows were skipped. Download them, fix the marked cells, and import that file."),
    links.length > 0 && h("p", { class: "row" }, links),
    list.node);
}

/** A table for each type, as each has its own columns. */
function rejectedTables(items, result, fields) {
  if (!result.parts.length) return rejectedTable("Rejected rows; wrong cells are marked and say why", items, result.origin?.columns ?? []);
  return result.parts.map((part) => {
    const own = items.filter((item) => item.resourceType === part.resourceType);
    return own.length > 0 && rejectedTable(`Rejected rows of ${fields.types[part.resourceType]}; wrong cells are marked and say why`, own, part.columns);
  });
}

function rejectedTable(caption, items, order) {
  const known = items.length ? Object.keys(items[0].data) : [];
  const columns = order.length ? order.filter((name) => known.includes(name)) : known;
  const ofWhole = (item) => item.issues.filter((issue) => !columns.includes(issue.column));
  const last = items.some((item) => ofWhole(item).length) ? ["Of the whole row"] : [];
  return table(caption, ["Row", ...columns, ...last], items.map((item) => {
    const cells = columns.map((name) => marked(item.issues.filter((issue) => issue.column === name), item.data[name] ?? null));
    return [number(item.row), ...cells, ...last.map(() => marked(ofWhole(item)))];
  }));
}

/** A cell, with what is wrong with it. */
function marked(issues, value) {
  if (!issues.length) return value ? shown(value) : "";
  const reasons = issues.map((issue) => h("span", { class: "why" }, why(issue)));
  return { cell: h("td", { class: "marked" }, value !== undefined && h("strong", null, value ? shown(value) : "(empty)"), reasons) };
}

const why = (issue) => `${issue.message}${issue.suggestion ? `. Did you mean ${issue.suggestion}?` : ""}`;

const SEVERITIES = [["", "Errors, warnings and repairs"], ["error", "Errors"], ["warning", "Warnings"], ["repair", "Repairs"]];

async function rulesCard(result, fields, signal) {
  const size = 20;
  let severity = "";
  const list = paged(async (offset) => {
    const query = new URLSearchParams({ limit: size, offset, ...(severity && { severity }) });
    const { issues } = await ask(`api/import/result/${result.importId}?${query}`, { signal });
    const rows = issues.items.map((issue) => [
      issue.row ? number(issue.row) : "–",
      ...ofType(issue, fields),
      issue.column ?? fields.of(issue.field, issue.resourceType) ?? issue.field ?? "–",
      h("span", { class: `state ${issue.severity}` }, issue.severity),
      { cell: h("td", { class: "long" }, why(issue)) },
    ]);
    return { body: table("One by one", ["Row", ...typeColumn(result), "Column", "Kind", "What"], rows), count: rows.length, total: issues.total };
  }, size, "findings");
  await list.ready;
  const ordered = [...result.rules].sort((one, other) =>
    SEVERITIES.findIndex(([name]) => name === one.severity) - SEVERITIES.findIndex(([name]) => name === other.severity) || other.count - one.count);
  const rows = ordered.map((rule) => [rule.rule.replaceAll("_", " "), h("span", { class: `state ${rule.severity}` }, rule.severity), number(rule.count)]);
  const choose = (value) => {
    severity = value;
    list.reload();
  };
  return h("section", { class: "card" },
    h("h2", null, "What was found"),
    table("By rule", ["Rule", "Kind", { title: "Count", num: true }], rows),
    h("div", { class: "grid" }, choice("Show", SEVERITIES, severity, choose)),
    h("p", null),
    list.node);
}

/** What becomes of a whole record. */
const WHOLE = { create: "new record", retire: "retired", delete: "deleted" };

function changesCard(result, fields) {
  const { changes, counts } = result;
  const rows = changes.flatMap((change) => {
    const head = [change.key, ...ofType(change, fields), change.row ? number(change.row) : "–"];
    if (WHOLE[change.action]) return [[...head, WHOLE[change.action], "", ""]];
    return Object.entries(change.fields).map(([name, { before, after }]) =>
      [...head, fields.of(name, change.resourceType) ?? name, h("del", null, shown(before)), h("ins", null, shown(after))]);
  });
  const all = counts.create + counts.update + counts.delete + counts.retire;
  const caption = changes.length < all ? `The first ${number(changes.length)} of ${several(all, "record")}` : several(all, "record");
  return h("section", { class: "card" },
    h("h2", null, isPlan(result) ? "What would change" : "What changed"),
    table(caption, ["Record", ...typeColumn(result), "Row", "Field", "Before", "After"], rows));
}

function samplesCard({ samples }, fields) {
  const names = Object.keys(samples[0]).filter((name) => samples.some((sample) => sample[name] !== null));
  const columns = names.map((name) => (name === "row" ? "Row" : (fields.of(name) ?? name)));
  return h("section", { class: "card" },
    h("h2", null, "First records, as they would be stored"),
    table("First records", columns, samples.map((sample) => names.map((name) => shown(sample[name])))));
}

/** The facts of a run: how, when, and where Prefect shows it. */
export function facts(result) {
  const origin = result.origin ?? {};
  const told = {
    State: state(result),
    Type: (result.resourceType ?? result.parts.map((part) => part.resourceType).join(", ")) || "–",
    Sync: result.sync && h("a", { href: to(["history"], { sync: result.sync }) }, result.sync),
    Mode: result.mode,
    Started: time(result.startedAt),
    Took: duration(result.durationSeconds),
    Format: origin.format && [origin.format, origin.encoding, origin.sheet && `sheet ${origin.sheet}`].filter(Boolean).join(", "),
  };
  return h("section", { class: "card" },
    h("h2", null, "The run"),
    h("dl", { class: "figures" }, Object.entries(told).filter(([, value]) => value)
      .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value)))),
    h("p", null, h("a", { href: result.links.prefect, target: "_blank", rel: "noopener" }, "See the run in Prefect (opens a new tab)")));
}

/** Take a run back: asked for twice, as it changes records. */
function undo({ importId, status, dryRun, counts, undoes }) {
  if (status !== "completed" || dryRun || !(counts.create + counts.update + counts.delete + counts.retire)) return null;
  const wrong = h("div", { "aria-live": "polite" });
  const place = h("p", { class: "row" });
  const confirm = () => {
    fill(place, h("button", { type: "button", class: "primary", onclick: run }, "Yes, undo it"), h("button", { type: "button", onclick: draw }, "No, keep it"));
    place.querySelector("button").focus();
  };
  const draw = () => fill(place, h("button", { type: "button", onclick: confirm }, undoes ? "Undo the undo" : "Undo this import"));
  async function run() {
    try {
      const accepted = await ask(`api/import/${importId}/undo`, { method: "POST", body: {} });
      go(["history", accepted.importId]);
    } catch (error) {
      draw();
      fill(wrong, problemNote(error.message));
    }
  }
  draw();
  return h("section", { class: "card" }, h("h2", null, "Undo"),
    h("p", null, "Records that this run created are deleted, those that it updated get their values back, and those that it took away come back. What was edited since, or is referred to by others, stays as it is."),
    wrong, place);
}

/**
 * Ask for a plan to be applied, and go to the run that does so.
 * @param {string} plan  the id of its run @param {Record<string, any>} body
 * @param {string[]} where  the place of runs: a run of import, or one of the history
 */
async function apply(plan, body, where, query) {
  const accepted = await ask(`api/import/${plan}/approve`, { method: "POST", body });
  go([...where, accepted.importId], query);
}

/** A button that asks for something once; what is wrong with that is told in `wrong`. */
function once(text, kind, wrong, act) {
  const button = h("button", { type: "button", class: kind, onclick: async () => {
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    fill(wrong);
    try {
      await act();
    } catch (error) {
      button.removeAttribute("aria-disabled");
      fill(wrong, problemNote(error.message));
    }
  } }, text);
  return button;
}

/** Who decided about a plan, and why. */
const decided = ({ verdict, by, reason }) => `${verdict === "rejected" ? "Rejected" : "Approved"} by ${by}${reason ? `: ${reason.replace(/\.$/, "")}` : ""}.`;

/** A sync that was held back: approve exactly what it would do, or reject it. */
function approval(result, where, again) {
  const { plan: kept, counts } = result;
  if (isRejected(kept)) return note("warn", decided(kept.decision), " Nothing was changed.");
  if (isApproved(result)) return note("good", kept.decision ? `${decided(kept.decision)} ` : "It was approved: ", h("a", { href: `#/history/${kept.applied}` }, "see the run that did it"), ".");
  if (!isHeld(result)) return null;
  const wrong = h("div", { "aria-live": "polite" });
  const reason = h("input", { id: "reason", maxlength: 1000, autocomplete: "off" });
  const why = () => (reason.value.trim() ? { reason: reason.value.trim() } : {});
  const reject = async () => {
    if (!reason.value.trim()) throw new Error("Give a reason to reject it.");
    await ask(`/api/import/${result.importId}/reject`, { method: "POST", body: why() });
    again();
  };
  const all = counts.create + counts.update + counts.delete + counts.retire;
  return h("section", { class: "card" }, h("h2", null, "Approve"),
    h("p", null, `Nothing is changed yet. Look through what it would do; saying yes does exactly that. It waits until ${time(kept.until)}.`),
    h("label", { for: "reason" }, "Reason (needed to reject)"), reason, wrong,
    h("p", { class: "row" },
      once(`Approve ${several(all, "change")}`, "primary", wrong, () => apply(result.importId, { hash: kept.hash, ...why() }, where)),
      once("Reject", "", wrong, reject)));
}

/** A plan that was refused, as records were changed since: what may be done about them. */
async function refusal(result, where, query, signal) {
  const moved = result.status === "failed" && result.applies && result.rules.some((rule) => rule.rule === "moved");
  if (!moved) return null;
  const planned = await ask(`api/import/result/${result.applies}?limit=0`, { signal });
  if (!isKept(planned.plan)) return null;
  const wrong = h("div", { "aria-live": "polite" });
  const upload = query.get("upload");
  const options = new URLSearchParams([...query].filter(([name]) => !["upload", "preview"].includes(name)));
  const asked = (how) => () => apply(result.applies, { hash: planned.plan.hash, moved: how }, where, query);
  return h("section", { class: "card" }, h("h2", null, "What to do about it"),
    h("p", null, "Leave the records that were changed since as they are, and do the rest of the plan. Or plan again: what was read is compared with what is stored now, and all of it is written."),
    wrong,
    h("p", { class: "row" },
      once("Leave them out", "primary", wrong, asked("skip")), once("Plan again", "", wrong, asked("rebase")),
      upload && h("a", { class: "button", href: to(["import", upload, "preview"], options) }, "See a new preview first")));
}

/**
 * A run of import as it stands: its progress, or its result.
 * @param {{path: string[], query: URLSearchParams}} place  of the run, whose id is the last of the path
 * @param {AbortSignal} signal @param {() => void} again  shows this view again
 */
export async function runView({ path, query }, signal, again, before) {
  const id = path.at(-1);
  const where = path.slice(0, -1);
  const progress = await ask(`api/import/progress/${id}`, { signal });
  if (!ENDED.includes(progress.status)) {
    return h("div", null, before("Run"), h("h1", null, "Importing"),
      progressCard(`api/import/progress/${id}`, `api/import/${id}`, "import", signal, again, progress));
  }
  const next = h("p", { class: "row" },
    h("a", { class: "button primary", href: "#/import" }, "Import another file"), h("a", { class: "button", href: "#/history" }, "All runs"));
  try {
    const result = await ask(`api/import/result/${id}?limit=0`, { signal });
    return h("div", null, before("Result"), h("h1", null, headline(result)), h("p", { class: "lead" }, result.source),
      outcome(result), approval(result, where, again), await refusal(result, where, query, signal), await report(result, signal), undo(result), facts(result), next);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 409) throw error;
    return h("div", null, before("Result"), h("h1", null, `Import ${progress.status}`), note("warn", error.message), next);
  }
}

function headline(result) {
  const { status, outcome: end, dryRun, counts, undoes, sync } = result;
  const what = sync ? "Sync" : "Import";
  if (isHeld(result)) return "This sync awaits approval";
  if (isApproved(result)) return "This sync was approved";
  if (isRejected(result.plan)) return "This sync was rejected";
  if (undoes && status === "completed" && !dryRun) return "Undone";
  if (dryRun) return "Preview: nothing was changed";
  if (status === "completed") return `${sync ? "Synced" : "Imported"}${counts.rejected ? ", with rows left out" : ""}`;
  return `${what} ${end === "crashed" ? end : status}`;
}

/** The outcomes whose message says itself that nothing was changed. */
const SAYS_SO = ["held", "rejected", "drifted", "limited", "crashed", "cancelled", "skipped"];

function outcome(result) {
  const { status, outcome: end, message, dryRun } = result;
  if (status === "completed") return message && note("", message);
  if (isHeld(result)) return note("warn", message);
  if (isApproved(result) || isRejected(result.plan)) return null;
  const kept = dryRun || (message && SAYS_SO.includes(end)) ? "" : " Nothing was changed.";
  return note(status === "failed" ? "bad" : "warn", message || "The run was stopped.", kept);
}
