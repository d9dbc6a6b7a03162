/** Import: choose a file, say what its columns are, see what would happen, run it. */

import { go, keep, replace } from "./address.js";
import { ask, upload } from "./api.js";
import { columnsStep } from "./columns.js";
import { previewStep } from "./confirm.js";
import { fill, h } from "./dom.js";
import { preview, remember } from "./preview.js";
import { progressCard, runView } from "./run.js";
import { bytes, problemNote, stepper } from "./widgets.js";

/** #/import, #/import/UPLOAD/columns, #/import/UPLOAD/preview, #/import/run/ID */
export async function importView({ path, query }, signal) {
  const [, first, second] = path;
  if (!first) return fileStep(signal);
  if (first === "run") return runView({ path, query }, signal, () => replace(path, query), stepper);
  const file = await ask(`api/uploads/${encodeURIComponent(first)}`, { signal });
  const tried = await preview(first, query, signal);
  if (tried.running) return waitStep(path, query, tried.running, signal);
  return second === "preview" && tried.result ? previewStep(file, query, tried, signal) : columnsStep(file, query, tried, signal);
}

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
      const answer = await upload("api/import/preview", form, (sent, total) => {
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

function waitStep(path, query, id, signal) {
  keep(path, query);
  return h("div", null, stepper("Columns"), h("h1", null, "Reading the file"),
    h("p", { class: "lead" }, "A big file takes a while. Nothing is changed."),
    progressCard(`api/import/progress/${id}`, `api/import/${id}`, "preview", signal, () => replace(path, query)));
}
