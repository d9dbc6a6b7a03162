"""Traps of files: patterns, links, pipes, and files that somebody still writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.errors import SourceError, UsageError
from tasks.sources import fetch
from tests.tasks.sources.rigs import SITES, VPCS
from tests.tasks.sources.support import fetched, request


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with files in it and below it."""
    folder = tmp_path / "a source"
    (folder / "eu" / "west").mkdir(parents=True)
    for name in ("sites.csv", "eu/sites.csv", "eu/west/sites.csv", "eu/vpc1.csv", "eu/notes.txt", "eu/.sites.csv"):
        (folder / name).write_bytes(SITES)
    return folder


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("sites.csv", ["sites.csv"]),
        ("", ["sites.csv"]),
        ("eu", ["notes.txt", "sites.csv", "vpc1.csv"]),
        ("eu/*.csv", ["sites.csv", "vpc1.csv"]),
        ("eu/vpc?.csv", ["vpc1.csv"]),
        ("*/[sv]*.csv", ["eu/sites.csv", "eu/vpc1.csv"]),
        ("**/*.csv", ["eu/sites.csv", "eu/vpc1.csv", "eu/west/sites.csv", "sites.csv"]),
    ],
)
@pytest.mark.parametrize("how", ["path", "url"])
def test_patterns_and_folders(source: Path, tmp_path: Path, pattern: str, names: list[str], how: str) -> None:
    """A file, a folder without those below it, or a pattern; files of one name stay apart, hidden ones are none."""
    url = f"{source}/{pattern}" if how == "path" else f"file://{str(source).replace(' ', '%20')}/{pattern}"
    found = fetched(url, tmp_path / "out")
    assert [file.name for file in found.files] == names
    assert [file.path.read_bytes() for file in found.files] == [SITES] * len(names)
    assert len({file.path for file in found.files}) == len(names)


def test_a_name_that_looks_like_a_pattern(tmp_path: Path) -> None:
    """It is the file's, if there is one."""
    (tmp_path / "sites[1].csv").write_bytes(SITES)
    assert [file.name for file in fetched(f"{tmp_path}/sites[1].csv", tmp_path / "out").files] == ["sites[1].csv"]


@pytest.mark.parametrize("pattern", ["nothing.csv", "*.xlsx", "empty"])
def test_nothing_is_an_error(source: Path, tmp_path: Path, pattern: str) -> None:
    """A sync with a folder that is empty by mistake would delete everything."""
    (source / "empty").mkdir()
    with pytest.raises(SourceError, match="has no file: is it spelt right"):
        fetch(request(f"{source}/{pattern}", tmp_path / "out"))


def test_another_machine(tmp_path: Path) -> None:
    """Two slashes make the first folder a host."""
    with pytest.raises(UsageError, match=r"names another machine: write file:///"):
        fetch(request("file://srv/network/sites.csv", tmp_path))


def test_only_the_folders_that_are_allowed(source: Path, tmp_path: Path) -> None:
    """Neither by the way up nor by a link."""
    limits = {"source_folders": (source / "eu",)}
    assert len(fetched(f"{source}/eu/*.csv", tmp_path / "out", limits=limits).files) == 2
    (source / "eu" / "link.csv").symlink_to(source / "sites.csv")
    for path in ("eu/link.csv", "sites.csv", "eu/../sites.csv", "eu/*.csv"):
        with pytest.raises(UsageError, match="see CMDB_SOURCE_FOLDERS"):
            fetch(request(f"file://{source}/{path}", tmp_path / "out", limits=limits))


def test_a_pipe_holds_nothing_up(source: Path, tmp_path: Path) -> None:
    """It would be waited for without end; it is refused, and so is an empty file."""
    os.mkfifo(source / "eu" / "pipe.csv")
    (source / "eu" / "empty.csv").touch()
    found = fetched(f"{source}/eu/*.csv", tmp_path / "out")
    assert [file.name for file in found.files] == ["sites.csv", "vpc1.csv"]
    assert [issue.value for issue in found.failures] == ["empty.csv", "pipe.csv"]
    assert len(found.unread) == 2
    assert "is a device or a pipe, not a file" in found.failures[1].message


def test_a_file_that_is_written_to_meanwhile(tmp_path: Path) -> None:
    """Half a file would make the other half look deleted."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(VPCS)

    def write_on(files: int, records: int, size: int) -> None:  # noqa: ARG001  # the callback's signature
        with (tmp_path / "b.csv").open("ab") as file:
            file.write(b"vpc-00000002,10.2.0.0/16,us-east-1\n")

    found = fetched(f"{tmp_path}/*.csv", tmp_path / "out", progress=write_on)
    assert [file.name for file in found.files] == ["a.csv"]
    assert [issue.message for issue in found.failures] == [
        "b.csv was changed while it was read: it is read whole at the next sync."
    ]


def test_one_type_that_is_wanted_is_that_of_the_files(source: Path, tmp_path: Path) -> None:
    """Of several, the content tells which."""
    assert fetched(f"{source}/sites.csv", tmp_path / "a", "site").files[0].resource_type == "site"
    assert fetched(f"{source}/sites.csv", tmp_path / "b", "site", "vpc").files[0].resource_type is None
