"""One walk through the whole system, for `make test`: up, import, progress, cancel, export, undo, and the page."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.browsing import EXAMPLES, choose, count, heading
from tests.api.system import CMDB, Start, System, execute, file, follow
from tests.conftest import whole_system
from tests.locks import WHILE_APPLYING, held
from tests.support import execute as sql
from tests.support import rows, vpc, write_csv

pytestmark = pytest.mark.walk


@pytest.fixture(scope="module")
def system(start_system: Start, postgres_url: str, template_database: str) -> Iterator[System]:
    """The whole system of the walk, which ends with it: an idle one takes a seventh of a core."""
    with whole_system(start_system, postgres_url, template_database) as started:
        yield started


def test_by_the_doctor(system: System) -> None:
    """All parts of the running system are found sound, its worker among them."""
    environment = system.environment | {"PREFECT_API_URL": f"{system.prefect}/api"}
    done = subprocess.run([str(CMDB), "doctor", "--json"], env=environment, capture_output=True, text=True, check=False)
    found = {check["name"]: check["verdict"] for check in json.loads(done.stdout)}
    assert (done.returncode, set(found.values()), found.get("worker")) == (0, {"ok"}, "ok"), done.stdout


def test_by_http(system: System, tmp_path: Path) -> None:
    """A file is previewed, imported, exported and taken back; one is cancelled in the middle."""
    sql(system.url, "truncate vpc")
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3, region="us-eest-1")])
    with system.client() as client:
        found = client.post("/api/import/preview", **file(path)).json()
        assert (found["result"]["counts"]["create"], rows(system.url)) == (2, 0)
        asked = client.post("/api/import/execute", json={"planId": found["planId"], "hash": found["hash"]})
        run = asked.json()["importId"]
        told = follow(client, run)
        assert (told[-1]["status"], told[-1]["percent"], told[-1]["rejectedRecords"]) == ("completed", 100, 1)
        assert [each["percent"] for each in told] == sorted(each["percent"] for each in told)
        assert "us-eest-1" in client.get(client.get(f"/api/import/result/{run}").json()["links"]["rejectsCsv"]).text
        _cancelled(system, client, tmp_path)
        export = client.post("/api/export", json={"resourceType": "vpc", "fields": ["name"]}).json()["exportId"]
        assert follow(client, export, what="export")[-1]["totalRecords"] == 2
        assert client.get(f"/api/export/download/{export}").text.split() == ["name", "net-1", "net-2"]
        undo = client.post(f"/api/import/{run}/undo").json()["importId"]
        assert follow(client, undo)[-1]["status"] == "completed"
    assert rows(system.url) == 0


def _cancelled(system: System, client: httpx.Client, folder: Path) -> None:
    """Cancel an import in the middle of its transaction: nothing of it stays."""
    before = rows(system.url)
    with held(system.url, WHILE_APPLYING) as lock:
        run = execute(client, write_csv(folder / "more.csv", [vpc(n) for n in range(10, 20)]))
        lock.wait_for_writer()
        assert client.delete(f"/api/import/{run}").json()["status"] == "cancelled"
    assert follow(client, run)[-1]["status"] == "cancelled"
    assert rows(system.url) == before


def test_by_the_page(page: Page, system: System) -> None:
    """A file is chosen, previewed, imported and taken back; Prefect's page is a link away."""
    choose(page, EXAMPLES / "vpcs.csv")
    heading(page, "Say what the columns are")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    assert (count(page, "created"), count(page, "rejected"), rows(system.url)) == ("8", "0", 0)
    page.get_by_role("button", name="Import 8 records").click()
    heading(page, "Imported")
    assert rows(system.url) == 8
    link = page.get_by_role("link", name="See the run in Prefect")
    expect(link).to_have_attribute("href", re.compile(re.escape(system.prefect)))
    page.get_by_role("button", name="Undo this import").click()
    page.get_by_role("button", name="Yes, undo it").click()
    heading(page, "Undone")
    assert rows(system.url) == 0
