"""Exported, edited in a spreadsheet program and imported: LibreOffice opens the file, changes a cell and saves it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from flows.pipelines import export_file
from schemas.jobs import ExportJob
from schemas.settings import settings
from tests.conftest import needs
from tests.support import importer, stored, vpc

MACRO = """
Sub Edit(source, column, text, target)
    Dim hidden(0) As New com.sun.star.beans.PropertyValue
    hidden(0).Name = "Hidden"
    hidden(0).Value = True
    book = StarDesktop.loadComponentFromURL(source, "_blank", 0, hidden())
    sheet = book.Sheets.getByIndex(0)
    For number = 0 To 40
        If sheet.getCellByPosition(number, 0).String = column Then
            sheet.getCellByPosition(number, 1).String = text
        End If
    Next
    Dim how(0) As New com.sun.star.beans.PropertyValue
    how(0).Name = "FilterName"
    how(0).Value = "Calc MS Excel 2007 XML"
    If Right(target, 4) = ".csv" Then how(0).Value = "Text - txt - csv (StarCalc)"
    If Right(target, 4) = ".ods" Then how(0).Value = "calc8"
    book.storeToURL(target, how())
    book.close(True)
    StarDesktop.terminate()
End Sub
"""

LIBRARY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" {attributes}>{content}</library:library>"""


def program(profile: Path) -> list[str]:
    """Return the command that starts LibreOffice, without a window, with a profile of its own."""
    return [needs("soffice"), f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore"]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile of LibreOffice that knows the macro, made by one start of the program."""
    folder = tmp_path_factory.mktemp("office")
    basic = folder / "user" / "basic" / "Standard"
    # The first start lays the profile out, an empty library included.
    subprocess.run([*program(folder), "--terminate_after_init"], check=True, capture_output=True, timeout=120)
    module = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">'
        '<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" '
        f'script:language="StarBasic">{escape(MACRO)}</script:module>'
    )
    (basic / "Module1.xba").write_text(module, encoding="utf-8")
    named = 'library:name="Standard" library:readonly="false" library:passwordprotected="false"'
    element = '<library:element library:name="Module1"/>'
    (basic / "script.xlb").write_text(LIBRARY.format(attributes=named, content=element))
    return folder


def edit(profile: Path, source: Path, column: str, text: str, target: Path) -> Path:
    """Put a text into the first record's cell of a column, and save as the target's format."""
    words = (source.as_uri(), column, text, target.as_uri())
    quoted = ",".join(f'"{word}"' for word in words)
    command = [*program(profile), f"macro:///Standard.Module1.Edit({quoted})"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert target.is_file(), "LibreOffice saved nothing"
    return target


@pytest.mark.parametrize(("exported", "saved"), [("xlsx", "xlsx"), ("csv", "csv"), ("xlsx", "ods"), ("xlsx", "csv")])
def test_one_cell_edited_is_one_update(
    database_url: str, tmp_path: Path, office: Path, exported: str, saved: str
) -> None:
    """Ids keep their zeros, formulas stay text, and of all the cells only the one that was edited differs."""
    run = importer(database_url, tmp_path)
    # Opening a CSV file takes the zeros from free text that is all digits; only account ids get theirs back.
    zeros = "007" if exported == "xlsx" else "No. 7"
    odd = {"description": "=1+1", "environment": zeros, "project": "1/2", "owner": "true", "enable_dns_support": "yes"}
    run([vpc(1, **odd), vpc(2, name="+49 69", tags="Owner=a b,-x=+1"), vpc(3)])
    before = stored(database_url, "vpc")
    path = tmp_path / f"exported.{exported}"
    job = ExportJob(resource_type="vpc", path=path, lineage=True, metadata=exported == "xlsx")
    export_file(job, database_url, settings())
    column = "Name" if exported == "xlsx" else "name"
    report = run(edit(office, path, column, "edited", tmp_path / f"saved.{saved}"), resource_type="vpc")
    assert (report.counts.update, report.counts.unchanged, report.counts.rejected) == (1, 2, 0), report.issues
    after = stored(database_url, "vpc")
    changed = {name for old, new in zip(before, after, strict=True) for name in old if old[name] != new[name]}
    assert changed == {"name", "updated_at", "updated_by_run"}
    assert after[0]["name"] == "edited"
