// Imports a file and exports its records with the client that @hey-api/openapi-ts generates: ADDRESS FILE FOLDER.
// It prints what it found as JSON.
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

import {
  countRecords,
  downloadExport,
  executeImport,
  getExportProgress,
  getImportProgress,
  getImportResult,
  getUpload,
  previewImport,
  startExport,
  watchExport,
  watchImport,
} from "./client";
import { client } from "./client/client.gen";

const [address, path, folder] = process.argv.slice(2) as [string, string, string];
client.setConfig({ baseUrl: address, auth: "unused" });
const strict = { throwOnError: true } as const;

async function main() {
  const file = new File([await readFile(path)], basename(path), { type: "text/csv" });
  const preview = (await previewImport({ ...strict, body: { file, mode: "create", mapping: { Remark: "" } } })).data;
  if (!("planId" in preview)) throw new Error("the preview takes longer than it may");
  const upload = (await getUpload({ ...strict, path: { upload_id: preview.uploadId } })).data;
  const plan = {
    ...strict,
    body: { planId: preview.planId, hash: preview.hash },
    headers: { "Idempotency-Key": preview.planId },
  };
  const accepted = (await executeImport(plan)).data;
  const repeated = (await executeImport(plan)).data;
  const run = { import_id: accepted.importId };
  let lastEvent = "";
  const { stream } = await watchImport({ path: run, onSseEvent: (event) => (lastEvent = event.event ?? "") });
  for await (const _ of stream);
  const progress = (await getImportProgress({ ...strict, path: run })).data;
  const result = (await getImportResult({ ...strict, path: run })).data;

  const where = "name starts with net";
  const counted = (await countRecords({ ...strict, body: { resourceType: "vpc", where } })).data;
  const request = { resourceType: "vpc", fields: ["vpc_id", "name"], where };
  const begun = { export_id: (await startExport({ ...strict, body: request })).data.exportId };
  for await (const _ of (await watchExport({ path: begun })).stream);
  const exported = (await getExportProgress({ ...strict, path: begun })).data;
  const downloaded = (await downloadExport({ ...strict, path: begun, parseAs: "blob" })).data;
  const wrong = (await startExport({ body: { resourceType: "vpc", fields: ["nme"] } })).error;

  await writeFile(join(folder, "export.csv"), Buffer.from(await downloaded.arrayBuffer()));
  const found = {
    upload: upload.fileName,
    previewed: preview.result.counts.create,
    repeated: repeated.importId === accepted.importId,
    lastEvent,
    status: progress.status,
    percent: progress.percent,
    created: result.counts.create,
    counted: counted.records,
    exported: exported.status,
    problem: wrong?.detail,
  };
  process.stdout.write(JSON.stringify(found));
}

main().catch((error) => {
  process.stderr.write(error instanceof Error ? `${error.stack}` : JSON.stringify(error));
  process.exitCode = 1;
});
