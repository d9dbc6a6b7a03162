/** The preview of an import: asked for, kept by its address, and why it could not be made. */

import { listOf } from "./address.js";
import { Problem, ask, importOptions, typeOf } from "./api.js";

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
export async function preview(uploadId, query, signal, more = {}) {
  const named = query.get("preview");
  if (named) {
    const progress = await ask(`api/import/progress/${named}`, { signal }).catch(() => null);
    if (progress && ["initializing", "processing"].includes(progress.status)) return { running: named, columns: [], samples: {} };
    const result = progress && (await ask(`api/import/result/${named}?limit=0`, { signal }).catch(() => null));
    if (result) return known(result);
  }
  const asked = await request(uploadId, query, more);
  const key = JSON.stringify(asked);
  if (lastRefusal.key === key) return lastRefusal.found;
  try {
    const answer = await ask("api/import/preview", { method: "POST", body: asked, signal });
    const id = answer.importId ?? answer.result.importId;
    query.set("preview", id);
    return answer.importId ? { running: id, columns: [], samples: {} } : known(answer.result);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 422) throw error;
    return remember(asked, error);
  }
}

/** Keep why a preview could not be made. */
export function remember(asked, error) {
  const file = error.problem.upload ?? {};
  const found = { problem: error.message, columns: file.columns ?? [], samples: file.samples ?? {}, sheets: file.sheets ?? [], resourceType: file.resourceType, mapping: file.mapping };
  lastRefusal = { key: JSON.stringify(asked), found };
  return found;
}

function known(result) {
  const columns = result.origin?.columns ?? [];
  const found = { columns, samples: result.origin?.samples ?? {}, sheets: result.origin?.sheets ?? [] };
  return result.status === "completed" ? { result, ...found } : { problem: result.message || "The preview was stopped. Try again.", ...found };
}
