"""The usage examples of the service that cmdb reimplements (`tests/data/examples/usage.md`), run unchanged.

Those in TypeScript run in a browser, on the page's own origin. They take the JSON of an answer from its `data`, as a
client such as axios has it; `fetch` is given that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.api.system import System, follow
from tests.support import execute, importer, vpc, write_csv

USAGE = Path(__file__).parents[1] / "data" / "examples" / "usage.md"
BLOCKS = dict(re.findall(r"### (.+?)\n```\w+\n(.+?)```", USAGE.read_text(encoding="utf-8"), re.DOTALL))

FETCH = """
const plain = window.fetch.bind(window);
const seen = [];
const fetch = async (...asked) => {
  const answer = await plain(...asked);
  answer.data = await answer.clone().json();
  seen.push([answer.status, answer.data]);
  return answer;
};
"""


def run(page: Page, code: str, before: str = "") -> list[Any]:
    """Run an example in the page; returns the status and the JSON of each answer."""
    found: list[Any] = page.evaluate(f"async () => {{ {FETCH} {before}\n{code}\nreturn seen; }}")
    return found


def test_there_are_three() -> None:
    """The document has these examples."""
    assert list(BLOCKS) == ["Import with Preview", "Export with Progress Tracking", "Template Download"]


def test_import_with_preview(page: Page, system: System, tmp_path: Path) -> None:
    """The preview, the import and its progress, from one form."""
    rows = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2)]).read_text(encoding="utf-8")
    page.goto("/")
    file = f"const file = new File([{rows!r}], 'vpcs.csv', {{ type: 'text/csv' }});"
    (_, preview), (status, accepted), (_, progress) = run(page, BLOCKS["Import with Preview"], file)
    assert preview["result"]["counts"]["create"] == 2
    assert (status, progress["importId"]) == (202, accepted["importId"])
    with system.client() as client:
        assert follow(client, accepted["importId"])[-1]["status"] == "completed"
    assert execute(system.url, "select count(*) from vpc") == [(2,)]


def test_export_with_progress_tracking(page: Page, system: System, tmp_path: Path) -> None:
    """The export with its short filter, its progress and, once it is complete, its file."""
    importer(system.url, tmp_path)([vpc(1), vpc(2, region="eu-west-1")])
    page.goto("/")
    start, download = BLOCKS["Export with Progress Tracking"].split("// Download when complete\n")
    (status, accepted), (_, progress) = run(page, start)
    export = accepted["exportId"]
    assert (status, progress["exportId"]) == (202, export)
    with system.client() as client:
        assert follow(client, export, what="export")[-1]["status"] == "completed"
    with page.expect_download() as fetched:
        page.evaluate(f"exportId => {{ {download} }}", export)
    text = Path(fetched.value.path()).read_text(encoding="utf-8")
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == [vpc(1)["vpc_id"]]


@pytest.mark.parametrize("line", re.findall(r"^GET .+$", BLOCKS["Template Download"], re.MULTILINE))
def test_template_download(system: System, line: str) -> None:
    """The templates under the names of the document."""
    method, path = line.split()
    with system.client() as client:
        got = client.request(method, path)
    assert got.status_code == 200
    kind = ".csv" if "/csv/" in path else ".xlsx"
    assert f'template{kind}"' in got.headers["content-disposition"]
