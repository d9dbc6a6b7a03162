"""The page, in Debian's Chromium against the whole system: every step, by mouse and by keyboard, wide and narrow."""

from __future__ import annotations

import csv
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import openpyxl
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.api.browsing import EXAMPLES, Look, choose, count, heading, settled
from tests.api.system import Keyed, System, execute, file, follow
from tests.locks import WHILE_APPLYING, WHILE_VALIDATING, held
from tests.support import execute as sql
from tests.support import rows, vpc, vpc_id, write_csv

CASES = Path(__file__).parents[1] / "data" / "cases"


def imported(system: System, path: Path) -> str:
    """Import a file without the page; returns the run's id."""
    with system.client() as client:
        run = execute(client, path)
        follow(client, run)
    return run


def test_a_good_file(page: Page, system: System, look: Look) -> None:
    """A good file goes through every step; a reload at any of them comes back to it."""
    page.goto("/")
    look("1-file")
    choose(page, EXAMPLES / "vpcs.csv")
    heading(page, "Say what the columns are")
    expect(page.get_by_label("Type of the records")).to_have_value("vpc")
    expect(page.get_by_label("Field of the column CIDR block")).to_have_value("cidr_block")
    expect(page.get_by_role("row", name=re.compile("^CIDR block 10.10"))).to_contain_text("99 %")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.reload()
    heading(page, "Say what the columns are")
    look("2-columns")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    assert (count(page, "created"), count(page, "rejected"), rows(system.url)) == ("8", "0", 0)
    page.get_by_label("Import mode").select_option("create")
    expect(page.get_by_role("button", name="Import 8 records")).to_have_count(0)
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_role("button", name="Preview again")).to_have_count(0)
    page.reload()
    heading(page, "See what would happen")
    expect(page.get_by_label("Import mode")).to_have_value("create")
    look("3-preview")
    page.get_by_role("button", name="Import 8 records").click()
    heading(page, "Imported")
    assert (count(page, "created"), rows(system.url)) == ("8", 8)
    expect(page.get_by_text("This run applied a plan that was made before.")).to_be_visible()
    expect(page.get_by_text("vpcs.csv", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="See the run in Prefect")).to_have_attribute(
        "href", re.compile(re.escape(system.prefect))
    )
    page.reload()
    heading(page, "Imported")
    look("5-result")


def test_a_file_with_rejects(page: Page, system: System, look: Look) -> None:
    """Wrong cells are marked and say why, changes are shown field by field, and rejected rows can be downloaded."""
    imported(system, EXAMPLES / "vpcs.csv")
    choose(page, EXAMPLES / "vpcs-with-mistakes.csv")
    heading(page, "Say what the columns are")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    assert (count(page, "created"), count(page, "updated"), count(page, "rejected")) == ("1", "1", "6")
    expect(page.locator("td.marked", has_text="us-eest-1")).to_contain_text("Did you mean us-east-1?")
    expect(page.get_by_role("row", name=re.compile("Name core core \\(Frankfurt\\)"))).to_be_visible()
    expect(page.get_by_role("region", name="By rule")).to_contain_text("prefix length")
    look("3-preview-with-rejects")
    page.get_by_role("combobox", name="Show", exact=True).select_option("repair")
    expect(page.get_by_role("region", name="One by one").locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Import 2 records").click()
    heading(page, "Imported, with rows left out")
    for name, ending in (("Download as CSV", "csv"), ("Download as a workbook", "xlsx")):
        with page.expect_download() as got:
            page.get_by_role("link", name=name).click()
        assert got.value.suggested_filename.endswith(ending)
    look("5-result-with-rejects")


def previewed(page: Page, system: System, folder: Path) -> None:
    """Preview the update of two VPCs, and try to import it once another hand has changed the second."""
    imported(system, write_csv(folder / "vpcs.csv", [vpc(1), vpc(2)]))
    choose(page, write_csv(folder / "new.csv", [vpc(1, name="first"), vpc(2, name="second")]))
    heading(page, "Say what the columns are")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    imported(system, write_csv(folder / "hand.csv", [vpc(2, name="by hand")]))
    page.get_by_role("button", name="Import 2 records").click()
    heading(page, "Import failed")


def names(system: System) -> list[str]:
    """Return the names of the VPCs that are stored."""
    return [name for (name,) in sql(system.url, "select name from vpc order by vpc_id")]


def test_what_moved_is_left_out(page: Page, system: System, look: Look, tmp_path: Path) -> None:
    """A record that was changed after the preview stops the import and is shown; without it, the rest is done."""
    previewed(page, system, tmp_path)
    assert names(system) == ["net-1", "by hand"]
    expect(page.get_by_role("region", name="Records that were changed since")).to_contain_text(vpc_id(2))
    expect(page.locator("main")).not_to_contain_text("--moved")
    page.reload()
    heading(page, "Import failed")
    look("5-result-moved")
    page.get_by_role("button", name="Leave them out").click()
    heading(page, "Imported, with rows left out")
    assert names(system) == ["first", "by hand"]


def test_what_drifted_is_planned_again(page: Page, system: System, tmp_path: Path) -> None:
    """A new preview can be looked at first, and what was read can be compared and written again."""
    previewed(page, system, tmp_path)
    page.get_by_role("link", name="See a new preview first").click()
    heading(page, "See what would happen")
    expect(page.get_by_role("row", name=re.compile("Name by hand second"))).to_be_visible()
    page.go_back()
    heading(page, "Import failed")
    page.get_by_role("button", name="Plan again").click()
    heading(page, "Imported")
    assert names(system) == ["first", "second"]


def test_a_used_preview_is_not_imported_again(page: Page, system: System, tmp_path: Path) -> None:
    """Back, and the address of its preview, say when it was imported; only a new preview can be imported."""
    choose(page, write_csv(tmp_path / "new.csv", [vpc(1), vpc(2)]))
    heading(page, "Say what the columns are")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    page.get_by_role("button", name="Import 2 records").click()
    heading(page, "Imported")
    imported(system, write_csv(tmp_path / "hand.csv", [vpc(2, name="by hand")]))
    page.go_back()
    for _ in range(2):
        heading(page, "See what would happen")
        expect(page.get_by_text("This preview was imported at")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^Import"))).to_have_count(0)
        page.reload()
    page.get_by_role("link", name="See the result").click()
    heading(page, "Imported")
    page.go_back()
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_role("row", name=re.compile("Name by hand net-2"))).to_be_visible()
    assert names(system) == ["net-1", "by hand"]
    page.get_by_role("button", name="Import 1 record").click()
    heading(page, "Imported")
    assert names(system) == ["net-1", "net-2"]


def test_an_expired_preview_is_not_imported(page: Page, system: System, tmp_path: Path) -> None:
    """It says so, whether its page was open or is opened again, and leads to a new preview."""
    choose(page, write_csv(tmp_path / "new.csv", [vpc(1)]))
    heading(page, "Say what the columns are")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    sql(system.url, "update import_run set plan_until = now() - interval '1 minute' where plan_until is not null")
    page.get_by_role("button", name="Import 1 record").click()
    expect(page.get_by_text("This plan is kept no longer")).to_be_visible()
    page.reload()
    expect(page.get_by_text("This preview has expired")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Import"))).to_have_count(0)
    assert rows(system.url) == 0
    page.get_by_role("button", name="Preview again").click()
    page.get_by_role("button", name="Import 1 record").click()
    heading(page, "Imported")
    assert rows(system.url) == 1


def test_what_is_missing_is_asked_for(page: Page, system: System, tmp_path: Path) -> None:
    """Of a file that lacks a column, the others stay matched; a value for every row completes it."""
    rows_of = [{"VPC": vpc_id(n), "AWS Region": "us-east-1", "Netz": "intern"} for n in (1, 2)]
    choose(page, write_csv(tmp_path / "netze.csv", rows_of))
    heading(page, "Say what the columns are")
    page.get_by_label("Type of the records").select_option("vpc")
    expect(page.get_by_text("Still missing: CIDR block")).to_be_visible()
    expect(page.get_by_label("Field of the column VPC")).to_have_value("vpc_id")
    expect(page.get_by_label("Field of the column AWS Region")).to_have_value("region")
    page.get_by_label("Field to set").select_option("cidr_block")
    page.get_by_label("Value of every row").fill("10.0.0.0/16")
    page.get_by_role("button", name="Add the value").click()
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    page.get_by_role("button", name="Import 2 records").click()
    heading(page, "Imported")
    assert rows(system.url) == 2


def test_a_file_of_several_types(page: Page, system: System, look: Look, tmp_path: Path) -> None:
    """A workbook with a sheet of each type is previewed and imported as one; every table says of which type."""
    sql(system.url, "truncate subnet")
    subnet = {"vpc_id": vpc_id(1), "availability_zone": "us-east-1a", "cidr_block": "10.0.1.0/26"}
    lost = subnet | {"vpc_id": vpc_id(9), "subnet_id": "subnet-0000000b"}
    sheets = {
        "VPC": [vpc(1), vpc(2, region="us-eest-1")],
        "Subnet": [subnet | {"subnet_id": "subnet-0000000a"}, lost],
    }
    book = openpyxl.Workbook()
    for title, records in sheets.items():
        sheet = book.create_sheet(title)
        sheet.append(list(records[0]))
        for record in records:
            sheet.append([record[name] for name in records[0]])
    book.remove(book.worksheets[0])
    book.save(tmp_path / "network.xlsx")

    choose(page, tmp_path / "network.xlsx")
    heading(page, "Say what the columns are")
    expect(page.get_by_role("heading", name="2 types in this file")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^Subnet .* availability_zone Availability zone"))).to_be_visible()
    page.get_by_label("Field to set").select_option("environment")
    page.get_by_label("Value of every row").fill("test")
    page.get_by_role("button", name="Add the value").click()
    look("2-columns-of-several-types")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    expect(page.get_by_text("network.xlsx as VPC, Subnet.")).to_be_visible()
    types = page.get_by_role("region", name="Each type")
    expect(types.get_by_role("row", name="VPC VPC 2 1 0 0 1")).to_be_visible()
    expect(types.get_by_role("row", name="Subnet Subnet 2 1 0 0 1")).to_be_visible()
    expect(page.get_by_role("region", name="Rejected rows of Subnet")).to_contain_text("subnet-0000000b")
    look("3-preview-of-several-types")
    page.get_by_role("button", name="Import 2 records").click()
    heading(page, "Imported, with rows left out")
    expect(page.get_by_role("region", name="Rejected rows of VPC")).to_contain_text("Did you mean us-east-1?")
    look("5-result-of-several-types")
    stored = sql(system.url, "select environment from vpc union all select environment from subnet")
    assert stored == [("test",), ("test",)]


def test_sheets_of_a_workbook(page: Page, system: System, look: Look) -> None:
    """Each sheet has its type, its header row and its own mapping, or is left out; this is kept until the import."""
    sql(system.url, "truncate site")
    choose(page, CASES / "sheets_of_types.xlsx")
    heading(page, "Say what the columns are")
    places = page.get_by_label("Type of the sheet Places")
    expect(places.locator("option:checked")).to_have_text("Skipped: unknown type")
    expect(page.get_by_label("Type of the sheet VPC list").locator("option:checked")).to_have_text("Detected: VPC")
    places.select_option("site")
    expect(page).to_have_url(re.compile("Places.*preview="))
    page.get_by_label("Type of the sheet Subnets").select_option("Leave out")
    expect(page).to_have_url(re.compile("Subnets.*preview="))
    page.get_by_label("Field of the column Ort of the sheet Places").select_option("name")
    page.get_by_label("Field of the column Kurz of the sheet Places").select_option("slug")
    page.get_by_label("Header row of the sheet VPC list").fill("2")
    page.get_by_label("Header row of the sheet VPC list").press("Tab")
    expect(page).to_have_url(re.compile("headerRow.*preview="))
    expect(page.get_by_label("Field of the column Ort of the sheet Places")).to_have_value("name")
    page.get_by_label("Field of the column Zweck of the sheet VPC list").select_option("name")
    look("2-columns-of-sheets")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    page.reload()
    page.get_by_role("button", name="Import 3 records").click()
    heading(page, "Imported")
    assert sql(system.url, "select name, slug from site order by name") == [("Bonn", "bon"), ("Ulm", "ulm")]
    assert names(system) == ["core"]


def test_how_a_file_is_read(page: Page, system: System, look: Look, tmp_path: Path) -> None:
    """A file without a header, with words for nothing and a block in two columns; what rows refer to is created."""
    sql(system.url, "truncate site, prefix")
    path = tmp_path / "netze.csv"
    path.write_text("10.0.0.0,255.255.255.0,Bonn,leer\n10.0.1.0,255.255.255.0,Ulm,x\n")
    choose(page, path)
    heading(page, "Say what the columns are")
    expect(page.get_by_role("alert")).to_contain_text("looks like a record, not a header")
    expect(page.get_by_label("List in JSON")).to_have_count(0)
    page.get_by_label("Names of the columns").fill("network, netmask, site, description")
    page.get_by_label("Names of the columns").press("Tab")
    page.get_by_label("Type of the records").select_option("prefix")
    expect(page.get_by_label("Field of the column netmask").locator("option:checked")).to_have_text("Part of Prefix")
    page.get_by_label("Words for an empty cell").fill("leer")
    page.get_by_label("Words for an empty cell").press("Tab")
    expect(page).to_have_url(re.compile("null=leer.*preview="))
    page.get_by_label("Field to set").select_option("description")
    page.get_by_label("Value of every row").fill("none")
    page.get_by_role("button", name="Add the value").click()
    expect(page.get_by_text("in every row that has no value of its own.")).to_be_visible()
    look("2-columns-read")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    assert (count(page, "created"), count(page, "rejected")) == ("0", "2")
    page.get_by_label("Create a Site that rows refer to where it does not exist").check()
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_role("region", name="Each type").get_by_role("row", name="Site")).to_contain_text("2")
    look("3-preview-with-created-sites")
    page.get_by_role("button", name="Import 4 records").click()
    heading(page, "Imported")
    stored = sql(system.url, "select prefix::text, site, description from prefix order by prefix")
    assert stored == [("10.0.0.0/24", "Bonn", "none"), ("10.0.1.0/24", "Ulm", "x")]


def test_the_limits_of_a_sync(page: Page, system: System, tmp_path: Path) -> None:
    """A sync of a file can be limited; an input has the bounds that the API declares."""
    sql(system.url, "truncate vpc cascade")
    choose(page, write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(3)]))
    heading(page, "Say what the columns are")
    page.get_by_text("How the file is read").click()
    expect(page.get_by_label("Header row")).to_have_attribute("max", "1048576")
    expect(page.get_by_label("Encoding")).to_have_attribute("maxlength", "40")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    expect(page.get_by_label("Hold when more records would be updated than")).to_have_count(0)
    page.get_by_label("Import mode").select_option("sync")
    page.get_by_role("button", name="Preview again").click()
    page.get_by_label("Hold when more records would be updated than").fill("50%")
    page.get_by_label("Hold when more records would be deleted or retired than").fill("2")
    page.get_by_label("Hold when more records would be deleted or retired than").press("Tab")
    with page.expect_request("**/api/import/preview") as sent:
        page.get_by_role("button", name="Preview again").click()
    request = json.loads(sent.value.post_data or "")
    request.pop("uploadId")
    assert request == {"mode": "sync", "maxUpdate": "50%", "maxDelete": "2"}
    expect(page.get_by_role("button", name="Import 3 records")).to_be_visible()


def synced(system: System, path: Path, name: str) -> str:
    """Sync a file without the page; returns the run's id."""
    with system.client() as client:
        run: str = client.post("/api/sync", json={"url": str(path), "name": name}).json()["importId"]
        follow(client, run)
    return run


def test_a_sync_that_is_held(page: Page, system: System, look: Look, tmp_path: Path) -> None:
    """A sync that goes too far shows what it would do, and does exactly that once it is approved."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(10)])
    name = f"core {uuid4().hex[:6]}"
    synced(system, path, name)
    write_csv(path, [vpc(n, name="new") for n in range(6)])
    held = synced(system, path, name)
    page.goto("/#/history")
    row = page.get_by_role("region", name="Runs").locator("tbody tr").first
    expect(row).to_contain_text("awaiting approval")
    row.get_by_role("link").first.click()
    heading(page, "This sync awaits approval")
    assert (count(page, "updated"), count(page, "retired"), rows(system.url)) == ("6", "4", 10)
    expect(page.get_by_text("4 of 10 records")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("cmdb approve")
    expect(page.get_by_role("row", name=re.compile(f"{vpc_id(9)}.*retired"))).to_be_visible()
    look("5-result-held")
    page.get_by_role("button", name="Approve 10 changes").click()
    heading(page, "Synced")
    assert sql(system.url, "select count(*) from vpc where retired_at is null") == [(6,)]
    page.goto(f"/#/history/{held}")
    heading(page, "This sync was approved")
    page.get_by_role("link", name="see the run that did it").click()
    heading(page, "Synced")
    page.get_by_role("link", name=name, exact=True).click()
    heading(page, "History")
    expect(page.get_by_role("combobox", name="Sync")).to_have_value(name)
    runs = page.get_by_role("region", name="Runs")
    expect(runs.locator("tbody tr")).to_have_count(3)
    expect(runs).to_contain_text("approved")
    expect(runs.get_by_role("columnheader", name="Retired")).to_be_visible()
    look("9-history-of-a-sync")


def test_previews_are_no_history(page: Page, system: System, tmp_path: Path) -> None:
    """The history leaves previews out, unless they are asked for."""
    path = write_csv(tmp_path / f"{uuid4().hex}.csv", [vpc(1)])
    with system.client() as client:
        assert client.post("/api/import/preview", **file(path)).status_code == 200
    page.goto("/#/history")
    runs = page.get_by_role("region", name="Runs")
    expect(runs.get_by_role("row").first).to_be_visible()
    expect(runs).not_to_contain_text(path.name)
    page.get_by_label("Previews").select_option("shown")
    expect(runs).to_contain_text(path.name)
    expect(runs.get_by_role("row", name=path.name)).to_contain_text("(preview)")


def test_a_file_that_needs_mapping(page: Page, system: System, look: Look, tmp_path: Path) -> None:
    """A file whose type can't be told is shown with its columns; a type, fields and constants make it one."""
    path = tmp_path / "odd.csv"
    path.write_text(f"thing,span,who\n{vpc_id(1)},10.1.0.0/16,012345678901\n{vpc_id(2)},10.2.0.0/16,012345678901\n")
    choose(page, path)
    heading(page, "Say what the columns are")
    expect(page.get_by_role("alert")).to_contain_text("“Type of the records”")
    look("2-columns-unknown")
    page.get_by_label("Type of the records").select_option("vpc")
    expect(page.get_by_label("Field of the column thing")).to_be_visible()
    for column, field in (("thing", "vpc_id"), ("span", "cidr_block"), ("who", "account_id")):
        page.get_by_label(f"Field of the column {column}").select_option(field)
    for field, value in (("region", "us-east-1"), ("state", "available")):
        page.get_by_label("Field to set").select_option(field)
        page.get_by_label("Value of every row").fill(value)
        page.get_by_role("button", name="Add the value").click()
    page.get_by_label("Save under the name").fill("odd")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    page.reload()
    page.get_by_role("button", name="Import 2 records").click()
    heading(page, "Imported")
    assert sql(system.url, "select distinct region from vpc") == [("us-east-1",)]

    choose(page, path)
    page.get_by_label("Saved mapping").select_option("odd")
    expect(page.get_by_label("Type of the records")).to_have_value("vpc")
    expect(page.get_by_label("Field of the column span")).to_have_value("cidr_block")


def test_a_wrong_file(page: Page, look: Look, tmp_path: Path) -> None:
    """A file that holds no table is refused beside the place where it was chosen, and another can be chosen."""
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    choose(page, path)
    expect(page.get_by_role("alert")).to_contain_text("That did not work.")
    expect(page.get_by_label("File to import")).to_be_focused()
    look("1-file-wrong")
    page.get_by_label("File to import").set_input_files(EXAMPLES / "sites.csv")
    heading(page, "Say what the columns are")


def test_undo(page: Page, system: System, look: Look) -> None:
    """An import is taken back from its result, once that is confirmed."""
    run = imported(system, EXAMPLES / "vpcs.csv")
    page.goto(f"/#/history/{run}")
    heading(page, "Imported")
    page.get_by_role("button", name="Undo this import").click()
    page.get_by_role("button", name="Yes, undo it").click()
    heading(page, "Undone")
    assert (count(page, "deleted"), rows(system.url)) == ("8", 0)
    look("5-result-undone")


def test_dropping_a_file(page: Page) -> None:
    """A file that is dropped on the page's place for it is read."""
    page.goto("/")
    text = (EXAMPLES / "vpcs.csv").read_text()
    make = "text => { const d = new DataTransfer(); d.items.add(new File([text], 'vpcs.csv')); return d; }"
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": page.evaluate_handle(make, text)})
    heading(page, "Say what the columns are")


def test_reload_and_cancel(page: Page, system: System, look: Look, tmp_path: Path) -> None:
    """A run is shown while it lasts, also after a reload; cancelled, nothing of it stays."""
    choose(page, write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(200)]))
    heading(page, "Say what the columns are")
    page.get_by_role("button", name="Show what would happen").click()
    heading(page, "See what would happen")
    with held(system.url, WHILE_APPLYING) as lock:
        page.get_by_role("button", name="Import 200 records").click()
        heading(page, "Importing")
        lock.wait_for_writer()
        page.reload()
        heading(page, "Importing")
        expect(page.get_by_text("Rows per second")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_be_visible()
        look("4-run")
        page.get_by_role("button", name="Cancel the import").click()
        heading(page, "Import cancelled")
    assert rows(system.url) == 0
    look("5-result-cancelled")


def test_a_long_preview(browser: Browser, system: System, strict: str, tmp_path: Path) -> None:
    """A preview that takes longer than an answer may is followed, and ends where a short one does."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="nowhere")])
    page = browser.new_page(base_url=strict)
    with held(system.url, WHILE_VALIDATING) as lock:
        choose(page, path)
        heading(page, "Reading the file")
        lock.wait_for_writer()
    heading(page, "Say what the columns are")
    expect(page.get_by_label("Type of the records")).to_have_value("vpc")
    page.close()


def test_many_rejects_are_paged(page: Page, system: System, tmp_path: Path) -> None:
    """Of thousands of rejected rows a page shows ten; the next come from the server."""
    run = imported(system, write_csv(tmp_path / "vpcs.csv", [vpc(n, region="nowhere") for n in range(3000)]))
    page.goto(f"/#/history/{run}")
    table = page.get_by_role("region", name="Rejected rows")
    expect(table.locator("tbody tr")).to_have_count(10)
    group = page.get_by_role("group", name="Pages of rejected rows")
    group.get_by_role("button", name="Next").click()
    expect(group).to_contain_text("11–20 of 3,000")
    expect(table.locator("tbody tr").first).to_contain_text("12")


def drag(page: Page, source: str, target: str) -> None:
    """Drag one element to another, as a hand does: a browser hears of it at the second move."""
    boxes = [page.locator(each).bounding_box() for each in (source, target)]
    (x, y), end = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 8)
    page.mouse.move(*end, steps=8)
    page.mouse.up()


def test_export(page: Page, system: System, look: Look) -> None:
    """Type, filter with a live count, fields in the order they were given, progress, and the file."""
    imported(system, EXAMPLES / "vpcs.csv")
    page.goto("/#/export?type=vpc")
    heading(page, "Export")
    expect(page.locator("#count")).to_have_text("8 records will be exported.")
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("Field of filter 1").select_option("region")
    page.get_by_label("Condition of filter 1").select_option("eq")
    page.get_by_label("Value of filter 1").fill("eu-central-1")
    expect(page.locator("#count")).to_have_text(re.compile(r"^[1-7] records will be exported\.$"))
    page.get_by_label("Format").select_option("csv")
    page.get_by_role("button", name="Move Name up").press("Enter")
    expect(page.get_by_role("button", name="Move Name up")).to_be_focused()
    page.set_viewport_size({"width": 1280, "height": 2200})
    drag(page, '[data-field="region"] .grip', '[data-field="name"] .grip')
    expect(page.locator(".order li").first).to_contain_text("Region")
    page.reload()
    expect(page.locator("#count")).to_have_text(re.compile(r"^[1-7] records will be exported\.$"))
    page.get_by_label("CIDR block", exact=True).uncheck()
    look("6-export")
    page.get_by_role("button", name="Export", exact=True).click()
    heading(page, "The file is ready")
    look("7-export-ready")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the file").click()
    found = list(csv.DictReader(Path(got.value.path()).read_text("utf-8").splitlines()))
    assert {row["region"] for row in found} == {"eu-central-1"}
    assert list(found[0])[:3] == ["region", "name", "vpc_id"]
    assert "cidr_block" not in found[0]


def test_a_wrong_filter(page: Page) -> None:
    """A value that the field can't have is told beside the filters."""
    conditions = json.dumps([{"field": "cidr_block", "op": "within", "value": "nowhere"}])
    page.goto(f"/#/export?type=vpc&conditions={conditions}")
    expect(page.get_by_role("alert")).to_contain_text("nowhere")


def test_templates(page: Page, look: Look) -> None:
    """A template is one click away, for each type and format."""
    page.goto("/#/templates")
    heading(page, "Templates")
    look("8-templates")
    with page.expect_download() as got:
        page.get_by_role("link", name="Workbook for VPC", exact=True).click()
    assert got.value.suggested_filename == "vpc-template.xlsx"


def test_history(page: Page, system: System, look: Look) -> None:
    """The runs are listed, filtered and opened; each day's records are drawn, and told as a table."""
    imported(system, EXAMPLES / "vpcs.csv")
    page.goto("/#/history")
    heading(page, "History")
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("region", name="Records of imports of the last 30 days")).to_be_visible()
    look("9-history")
    page.get_by_label("Type").select_option("vpc")
    expect(page).to_have_url(re.compile("type=vpc"))
    with page.expect_response(re.compile("status=completed")):
        page.get_by_label("State").select_option("completed")
    expect(page).to_have_url(re.compile("type=vpc&status=completed"))
    settled(page)
    page.get_by_role("region", name="Runs").get_by_role("link", name="vpcs.csv").first.click()
    heading(page, "Imported")


def test_browse(page: Page, system: System, look: Look) -> None:
    """Records are searched, sorted and paged by the server; one shows what happened to it, and the run that did it."""
    imported(system, EXAMPLES / "vpcs.csv")
    imported(system, EXAMPLES / "vpcs-with-mistakes.csv")
    page.goto("/#/browse")
    look("10-types")
    page.get_by_role("link", name="VPC", exact=True).click()
    heading(page, "VPC")
    page.get_by_role("button", name="Name").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Name")
    page.get_by_role("button", name="Name").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Name")
    expect(page.get_by_role("button", name="Name")).to_be_focused()
    look("11-browse")
    page.get_by_role("searchbox").fill("Frankfurt")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="vpc-0a1b2c3d4e5f60001").click()
    heading(page, "vpc-0a1b2c3d4e5f60001")
    expect(page.get_by_role("row", name="Name core core (Frankfurt)").first).to_be_visible()
    look("12-record")
    page.get_by_role("link", name="vpcs-with-mistakes.csv").first.click()
    heading(page, "Imported, with rows left out")


def test_browse_is_paged(page: Page, system: System, tmp_path: Path) -> None:
    """The next records are a link away."""
    imported(system, write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(120)]))
    page.goto("/#/browse/vpc")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("51–100 of 120")


def reach(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has that name."""
    script = """() => { const e = document.activeElement;
        return e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent; }"""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate(script).strip().startswith(name):
            return
    raise AssertionError(f"Tab never reaches {name}")


def choose_by_key(page: Page, path: Path) -> None:
    """Open the choice of a file with the keyboard; on a busy machine Chromium may let the first key pass."""
    for _ in range(5):
        reach(page, "File to import")
        with suppress(PlaywrightTimeout):
            with page.expect_file_chooser(timeout=4_000) as chooser:
                page.keyboard.press("Space")
            chooser.value.set_files(path)
            return
    raise AssertionError("Space opens no choice of a file")


def test_keyboard_alone(page: Page, system: System) -> None:
    """An import needs no mouse: Tab reaches all that it takes, and the focus follows from step to step."""
    page.goto("/")
    heading(page, "Import a file")
    choose_by_key(page, EXAMPLES / "vpcs.csv")
    heading(page, "Say what the columns are")
    reach(page, "Show what would happen")
    page.keyboard.press("Enter")
    heading(page, "See what would happen")
    reach(page, "Import mode")
    page.keyboard.press("ArrowDown")
    reach(page, "Preview again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Preview again")).to_have_count(0)
    reach(page, "Import 8 records")
    page.keyboard.press("Enter")
    heading(page, "Imported")
    assert rows(system.url) == 8


def test_keys(browser: Browser, keyed: Keyed) -> None:
    """Where keys are set the page asks for one, keeps it where no script reads it, and forgets it on request."""
    context = browser.new_context(base_url=keyed.address)
    page = context.new_page()
    page.goto("/#/templates")
    heading(page, "Sign in")
    page.get_by_label("API key").fill("cmdb_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.get_by_label("API key").fill(keyed.keys["alice"])
    page.get_by_role("button", name="Sign in").click()
    heading(page, "Templates")
    [cookie] = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], page.evaluate("document.cookie")) == (True, "Strict", "")
    page.reload()
    heading(page, "Templates")
    page.get_by_role("button", name="Sign out").click()
    heading(page, "Sign in")
    context.close()


def test_the_page_asks_nobody_else(page: Page, system: System) -> None:
    """Every file of the page comes from the facade, under a policy that lets no other in."""
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto("/#/import")
    heading(page, "Import a file")
    assert answer is not None
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert all(url.startswith(system.address) for url in asked)
