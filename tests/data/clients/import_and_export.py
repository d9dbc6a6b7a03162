"""Imports a file and exports its records with the client that openapi-python-client generates: ADDRESS FILE FOLDER.

It prints what it found as JSON.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import httpx
from cmdb_client import AuthenticatedClient
from cmdb_client.api.exports import count_records, download_export, get_export_progress, start_export, watch_export
from cmdb_client.api.imports import (
    execute_import,
    get_import_progress,
    get_import_result,
    get_upload,
    preview_import,
    watch_import,
)
from cmdb_client.models import (
    CountRequest,
    ExecuteForm,
    ExportRequest,
    Mode,
    PreviewForm,
    PreviewFormMapping,
    Problem,
)
from cmdb_client.types import File

address, path, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
with AuthenticatedClient(address, token="unused", timeout=httpx.Timeout(120)) as client:
    sent = File(payload=io.BytesIO(path.read_bytes()), file_name=path.name, mime_type="text/csv")
    mapping = PreviewFormMapping.from_dict({"Remark": ""})
    preview = preview_import.sync(client=client, body=PreviewForm(file=sent, mode=Mode.CREATE, mapping=mapping))
    upload = get_upload.sync(preview.upload_id, client=client)
    plan = ExecuteForm(plan_id=preview.plan_id, hash_=preview.hash_)
    accepted = execute_import.sync(client=client, body=plan, idempotency_key=str(preview.plan_id))
    repeated = execute_import.sync(client=client, body=plan, idempotency_key=str(preview.plan_id))
    events = watch_import.sync(accepted.import_id, client=client)
    progress = get_import_progress.sync(accepted.import_id, client=client)
    result = get_import_result.sync(accepted.import_id, client=client)

    where = "name starts with net"
    counted = count_records.sync(client=client, body=CountRequest(resource_type="vpc", where=where))
    request = ExportRequest(resource_type="vpc", fields=["vpc_id", "name"], where=where)
    export = start_export.sync(client=client, body=request)
    watch_export.sync(export.export_id, client=client)
    exported = get_export_progress.sync(export.export_id, client=client)
    file = download_export.sync(export.export_id, client=client)
    wrong = start_export.sync(client=client, body=ExportRequest(resource_type="vpc", fields=["nme"]))
    assert isinstance(wrong, Problem)

(folder / "export.csv").write_bytes(file.payload.read())
found = {
    "upload": upload.file_name,
    "previewed": preview.result.counts.to_dict()["create"],
    "repeated": repeated.import_id == accepted.import_id,
    "lastEvent": events.split("event: ")[-1].split()[0],
    "status": progress.status.value,
    "percent": progress.percent,
    "created": result.counts.to_dict()["create"],
    "counted": counted.records,
    "exported": exported.status.value,
    "problem": wrong.detail,
}
sys.stdout.write(json.dumps(found))
