"""Hostile uploads: each is refused with the right problem, and nothing of it is kept."""

from __future__ import annotations

import gzip
import io
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.facade import Facade
from tests.api.system import System, execute
from tests.support import vpc, write_csv

CSV = b"vpc_id,cidr_block,region\nvpc-0a1b2c3d,10.0.0.0/16,us-east-1\n"


def zipped(**members: bytes) -> bytes:
    """Return a zip file of these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def workbook_bomb() -> bytes:
    """Return a workbook whose one sheet unpacks to a thousand times its size."""
    return zipped(**{"[Content_Types].xml": b"<Types/>", "xl/worksheets/sheet1.xml": b"<row/>" * (15 << 20)})


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><workbook>&b;</workbook>'
)

HOSTILE: dict[str, tuple[str, Callable[[], bytes], str, int]] = {
    "a path": ("../../etc/passwd.csv", lambda: CSV, "text/csv", 422),
    "a hidden file": (".vpcs.csv", lambda: CSV, "text/csv", 422),
    "text that turns round": ("vpcs\u202exslx.csv", lambda: CSV, "text/csv", 422),
    "a very long name": ("x" * 300 + ".csv", lambda: CSV, "text/csv", 422),
    "no ending": ("vpcs", lambda: CSV, "text/csv", 415),
    "a program's ending": ("vpcs.exe", lambda: CSV, "text/csv", 415),
    "a program": ("vpcs.csv", lambda: b"\x7fELF\x02\x01\x01" + bytes(200), "text/csv", 415),
    "a picture": ("vpcs.xlsx", lambda: b"\x89PNG\r\n\x1a\n" + bytes(200), "application/vnd.ms-excel", 415),
    "a page": ("vpcs.csv", lambda: b"<!DOCTYPE html><html><body>Log in</body></html>", "text/csv", 415),
    "another type declared": ("vpcs.csv", lambda: CSV, "image/png", 415),
    "named as another": ("vpcs.json", lambda: CSV, "application/json", 415),
    "nothing": ("vpcs.csv", lambda: b"", "text/csv", 422),
    "a gzip bomb": ("vpcs.csv.gz", lambda: gzip.compress(bytes(100 << 20)), "application/gzip", 415),
    "a zip bomb": ("vpcs.zip", lambda: zipped(**{"a.csv": bytes(100 << 20)}), "application/zip", 415),
    "a workbook bomb": ("vpcs.xlsx", workbook_bomb, "application/octet-stream", 415),
    "two files": ("vpcs.zip", lambda: zipped(**{"a.csv": CSV, "b.csv": CSV}), "application/zip", 415),
    "a broken gzip": ("vpcs.csv.gz", lambda: gzip.compress(CSV)[:-6], "application/gzip", 415),
    "XML with entities": ("vpcs.xlsx", lambda: ENTITIES, "application/octet-stream", 415),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_uploads(alone: Facade, case: str) -> None:
    """The answer is a problem that says what to do; no file stays, also none that is half written."""
    name, content, declared, status = HOSTILE[case]
    kept = alone.storage / "uploads"
    before = set(kept.iterdir()) if kept.exists() else set()
    with alone.client() as client:
        answer = client.post("/api/import/preview", files={"file": (name, content(), declared)})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["detail"]
    assert "Traceback" not in answer.text
    assert set(kept.iterdir() if kept.exists() else ()) == before


def test_entities_within_a_workbook_are_never_expanded(system: System) -> None:
    """A sheet that declares entities which grow is refused, and nothing of what they grow into is told."""
    content = zipped(
        **{
            "[Content_Types].xml": b"<Types/>",
            "xl/workbook.xml": ENTITIES,
            "xl/worksheets/sheet1.xml": ENTITIES,
        }
    )
    with system.client() as client:
        answer = client.post("/api/import/preview", files={"file": ("vpcs.xlsx", content, "application/octet-stream")})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    assert "aaaaaaaaaa" not in answer.text


def test_the_limit_holds_whatever_is_declared(strict: str) -> None:
    """A body that goes past the limit is refused while it is read, also without a Content-Length."""
    with httpx.Client(base_url=strict) as client:
        fits = client.post("/api/import/execute", files={"file": ("a.csv", CSV)})
        assert fits.status_code == 202
        large = client.post("/api/import/execute", files={"file": ("a.csv", CSV * 60_000)})
        assert (large.status_code, large.json()["type"]) == (413, "urn:cmdb:problem:too-large")
        assert _status_of_endless_body(strict) == "413"
        document = client.post("/api/export", content=b'{"resourceType": "' + b"x" * (2 << 20), headers=_JSON)
        assert document.status_code == 413


_JSON = {"Content-Type": "application/json"}


def _status_of_endless_body(address: str) -> str:
    """Send a form in chunks until an answer comes; returns its status."""
    where = urlsplit(address)
    head = (
        f"POST /api/import/preview HTTP/1.1\r\nHost: {where.netloc}\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as line:
        line.sendall(head.encode())
        for number in range(100):
            chunk = part if number == 0 else b"a,b,c\n" * 20_000
            try:
                line.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            except (BrokenPipeError, ConnectionResetError):
                break
        return line.recv(1 << 16).split(b" ")[1].decode()


def test_forms_that_are_none(system: System, tmp_path: Path) -> None:
    """Without a file, with a file in the wrong part, with broken JSON, with an upload that is not there."""
    path = write_csv(tmp_path / "a.csv", [vpc(1)])
    with system.client() as client:
        assert client.post("/api/import/preview", data={"mode": "create"}).status_code == 422
        assert client.post("/api/import/execute", files={"mode": ("a.csv", CSV)}).status_code == 422
        broken = client.post("/api/import/execute", files={"file": ("a.csv", CSV)}, data={"mapping": "{"})
        assert "not JSON" in broken.json()["detail"]
        wrong = client.post("/api/import/execute", files={"file": ("a.csv", CSV)}, data={"mode": "replace"})
        assert wrong.json()["errors"][0]["where"] == "form/mode"
        unknown = client.post("/api/import/execute", json={"uploadId": "0b1f5b1e-6f0e-4f6f-8d0e-2f0f6a1c9f11"})
        assert (unknown.status_code, "send the file again" in unknown.json()["detail"]) == (404, True)
        assert execute(client, path)
