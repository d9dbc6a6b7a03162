/** A run while it lasts, and what an import did or would do: shared by import, history and export. */

import { go } from "./address.js";
import { Problem, ask, follow, type } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { choice, countsBar, download, duration, note, number, paged, problemNote, several, shown, state, table, time } from "./widgets.js";
import { plain } from "./words.js";

const PHASES = {
  extract: "Reading the file",
  waiting: "Waiting for another run of this type",
  validate: "Checking every cell",
  check: "Checking rows against each other and against what is stored",
  plan: "Finding out what would change",
  apply: "Writing the records",
  query: "Reading the records",
  write: "Writing the file",
  done: "Done",
};

/** A run's phase in words. */
const phaseOf = (progress) =>
  progress.status === "initializing" ? "Waiting for a worker" : (PHASES[progress.phase] ?? progress.phase);

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
    phase.textContent = phaseOf(progress);
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
    waits.textContent = progress.message ?? "";
    announce(`${phaseOf(progress)}, ${Math.floor(progress.percent / 20) * 20} percent.`);
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
  const fields = result.resourceType ? await titles(result.resourceType) : {};
  const parts = [plan(result)];
  if (result.notices.length) {
    parts.push(result.notices.map((notice) => note(notice.severity === "error" ? "bad" : "warn", plain(notice.message))));
  }
  if (result.counts.rejected) parts.push(await rejectedCard(result, signal));
  if (result.rules.length) parts.push(await rulesCard(result, fields, signal));
  if (result.changes?.length) parts.push(changesCard(result, fields));
  if (result.samples?.length) parts.push(samplesCard(result, fields));
  return parts;
}

/** Field → the title that people know it by. */
export async function titles(name) {
  const found = await type(name);
  return Object.fromEntries(found.fields.map((field) => [field.field, field.title]));
}

function plan({ counts, dryRun, repeats, undoes }) {
  return h("section", { class: "card", "aria-label": "Counts" },
    h("h2", null, dryRun ? `What would happen to ${several(counts.read, undoes ? "record" : "row")}` : `What happened to ${several(counts.read, undoes ? "record" : "row")}`),
    countsBar(counts, dryRun, Boolean(undoes)),
    h("p", null),
    undoes && h("p", null, "This run took back ", h("a", { href: `#/history/${undoes}` }, "an earlier one"), "."),
    !undoes && h("p", { class: "dim small" }, `${several(counts.warnings, "warning")} and ${several(counts.repairs, "repair")}; neither rejects a row.`),
    repeats && note("", "The same file was imported before. ", h("a", { href: `#/history/${repeats}` }, "See that run"), "."));
}

async function rejectedCard(result, signal) {
  const size = 10;
  const columns = result.origin?.columns ?? [];
  const list = paged(async (offset) => {
    const page = await ask(`/api/import/result/${result.importId}/rejects?limit=${size}&offset=${offset}`, { signal });
    return { body: rejectedTable(page.items, columns), count: page.items.length, total: page.total };
  }, size, "rejected rows");
  await list.ready;
  const links = [
    result.links.rejectsXlsx && download(result.links.rejectsXlsx, "Download as a workbook"),
    result.links.rejectsCsv && download(result.links.rejectsCsv, "Download as CSV"),
  ].filter(Boolean);
  if (result.undoes) {
    return h("section", { class: "card" }, h("h2", null, `Edited since (${number(result.counts.rejected)})`),
      h("p", null, "These records were edited after the run that was taken back, and stay as they are."), list.node);
  }
  return h("section", { class: "card" },
    h("h2", null, `Rejected rows (${number(result.counts.rejected)})`),
    h("p", null, result.dryRun
      ? "These rows would be left out. Mend them in your file and choose it again, or import the others now and mend these later."
      : "These rows were left out. Download them, mend the marked cells, and import that file."),
    links.length > 0 && h("p", { class: "row" }, links),
    list.node);
}

function rejectedTable(items, order) {
  const known = items.length ? Object.keys(items[0].data) : [];
  const columns = order.length ? order.filter((name) => known.includes(name)) : known;
  const ofWhole = (item) => item.issues.filter((issue) => !columns.includes(issue.column));
  const last = items.some((item) => ofWhole(item).length) ? ["Of the whole row"] : [];
  return table("Rejected rows; wrong cells are marked and say why", ["Row", ...columns, ...last], items.map((item) => {
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

const why = (issue) => `${plain(issue.message)}${issue.suggestion ? `. Did you mean ${issue.suggestion}?` : ""}`;

const SEVERITIES = [["", "Errors, warnings and repairs"], ["error", "Errors"], ["warning", "Warnings"], ["repair", "Repairs"]];

async function rulesCard(result, fields, signal) {
  const size = 20;
  let severity = "";
  const list = paged(async (offset) => {
    const query = new URLSearchParams({ limit: size, offset, ...(severity && { severity }) });
    const { issues } = await ask(`/api/import/result/${result.importId}?${query}`, { signal });
    const rows = issues.items.map((issue) => [
      issue.row ? number(issue.row) : "–",
      issue.column ?? fields[issue.field] ?? issue.field ?? "–",
      h("span", { class: `state ${issue.severity}` }, issue.severity),
      { cell: h("td", { class: "long" }, why(issue)) },
    ]);
    return { body: table("One by one", ["Row", "Column", "Kind", "What"], rows), count: rows.length, total: issues.total };
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

function changesCard({ changes, counts, dryRun }, fields) {
  const rows = changes.flatMap((change) => change.action === "create"
    ? [[change.key, number(change.row), "new record", "", ""]]
    : Object.entries(change.fields).map(([name, { before, after }]) =>
        [change.key, number(change.row), fields[name] ?? name, h("del", null, shown(before)), h("ins", null, shown(after))]));
  const all = counts.create + counts.update;
  const caption = changes.length < all ? `The first ${number(changes.length)} of ${several(all, "record")}` : several(all, "record");
  return h("section", { class: "card" },
    h("h2", null, dryRun ? "What would change" : "What changed"),
    table(caption, ["Record", "Row", "Field", "Before", "After"], rows));
}

function samplesCard({ samples }, fields) {
  const names = Object.keys(samples[0]).filter((name) => samples.some((sample) => sample[name] !== null));
  const columns = names.map((name) => (name === "row" ? "Row" : (fields[name] ?? name)));
  return h("section", { class: "card" },
    h("h2", null, "First records, as they would be stored"),
    table("First records", columns, samples.map((sample) => names.map((name) => shown(sample[name])))));
}

/** The facts of a run: how, when, and where Prefect shows it. */
export function facts(result) {
  const origin = result.origin ?? {};
  const told = {
    State: state(result.status, result.dryRun),
    Type: result.resourceType ?? "–",
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
  if (status !== "completed" || dryRun || !(counts.create + counts.update + (counts.delete ?? 0))) return null;
  const wrong = h("div", { "aria-live": "polite" });
  const place = h("p", { class: "row" });
  const confirm = () => {
    fill(place, h("button", { type: "button", class: "primary", onclick: run }, "Yes, undo it"), h("button", { type: "button", onclick: draw }, "No, keep it"));
    place.querySelector("button").focus();
  };
  const draw = () => fill(place, h("button", { type: "button", onclick: confirm }, undoes ? "Undo the undo" : "Undo this import"));
  async function run() {
    try {
      const accepted = await ask(`/api/import/${importId}/undo`, { method: "POST", body: {} });
      go(["history", accepted.importId]);
    } catch (error) {
      draw();
      fill(wrong, problemNote(error.message));
    }
  }
  draw();
  return h("section", { class: "card" }, h("h2", null, "Undo"),
    h("p", null, "Records that this run created are deleted, and those that it updated get their values back. What was edited since stays as it is."),
    wrong, place);
}

/**
 * A run of import as it stands: its progress, or its result.
 * @param {string} id @param {AbortSignal} signal @param {() => void} again  shows this view anew
 */
export async function runView(id, signal, again, before) {
  const progress = await ask(`/api/import/progress/${id}`, { signal });
  if (!["completed", "failed", "cancelled"].includes(progress.status)) {
    return h("div", null, before("Run"), h("h1", null, "Importing"),
      progressCard(`/api/import/progress/${id}`, `/api/import/${id}`, "import", signal, again, progress));
  }
  const next = h("p", { class: "row" },
    h("a", { class: "button primary", href: "#/import" }, "Import another file"), h("a", { class: "button", href: "#/history" }, "All runs"));
  try {
    const result = await ask(`/api/import/result/${id}?limit=0`, { signal });
    return h("div", null, before("Result"), h("h1", null, headline(result)), h("p", { class: "lead" }, result.source),
      outcome(result), await report(result, signal), undo(result), facts(result), next);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 409) throw error;
    return h("div", null, before("Result"), h("h1", null, `Import ${progress.status}`), note("warn", error.message), next);
  }
}

function headline({ status, dryRun, counts, undoes }) {
  if (undoes && status === "completed" && !dryRun) return "Taken back";
  if (dryRun) return "Preview: nothing was changed";
  if (status === "completed") return counts.rejected ? "Imported, with rows left out" : "Imported";
  return status === "cancelled" ? "Import cancelled" : "Import failed";
}

function outcome({ status, message, dryRun }) {
  if (status === "completed") return message && note("", plain(message));
  const kept = dryRun ? "" : " Nothing was changed.";
  return note(status === "failed" ? "bad" : "warn", plain(message) || "The run was stopped.", message?.includes("othing") ? "" : kept);
}
