/** The third step of an import: see what would happen, choose how to import, and do it. */

import { go, keep, listOf, replace, to } from "./address.js";
import { ask, choices, importOptions, once, type } from "./api.js";
import { fill, h } from "./dom.js";
import { report } from "./run.js";
import { choice, entry, isKept, note, problemNote, several, stepper, tick, time } from "./widgets.js";

/** The options that are choices among a few values. */
const CHOICES = ["mode", "missing", "onError", "empty", "stale", "unknown"];

export async function previewStep(file, query, { result }, signal) {
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
      const accepted = await ask("api/import/execute", { method: "POST", body, headers, signal });
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
  const declared = await importOptions();
  const asked = CHOICES.filter((name) => name !== "missing" || syncs);
  const referred = ended ? [] : await creatable(result);
  const custom = ended ? [] : await customRules(result);
  /** A tick box for one item of an option that is a list. */
  const listTick = (label, option, item) => tick(label, listOf(options.get(option)).includes(item), (wanted) => {
    const others = listOf(options.get(option)).filter((other) => other !== item);
    set(option)([...others, ...(wanted ? [item] : [])].join(","));
  });
  const selects = asked.map((name) => choice(declared[name].title, choices(declared[name]), options.get(name) ?? "", set(name)));
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
  const done = await ask(`api/import/result/${plan.applied}?limit=0`, { signal });
  return note("warn", "This preview was imported at ", time(done.startedAt), ". ", h("a", { href: to(["import", "run", plan.applied]) }, "See the result"));
}

/** The custom rules that concern the types of a result. */
async function customRules({ resourceType, parts }) {
  const own = resourceType ? [resourceType] : parts.map((part) => part.resourceType);
  return (await once("api/rules")).filter((rule) => rule.source !== "built in" && rule.types.some((name) => own.includes(name)));
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
