"""What every source keeps to, whatever it reads from."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import CmdbError, SourceError
from schemas.fetched import Fetched, FetchedFile
from schemas.job_options.choices import Mode
from schemas.jobs import ImportJob
from schemas.resources import RESOURCES
from tasks.mapping.columns import map_columns
from tasks.mapping.infer_type import detect_type
from tasks.mapping.options import MapOptions
from tasks.security.redaction import without_secrets
from tasks.sources import SOURCES, fetch, source_named
from tasks.steps.extract import extract
from tests.support import with_settings
from tests.tasks.sources.rigs import RIGS, SECRET, Rig
from tests.tasks.sources.support import fetched, request

COUNTING = ("aws", "sql", "netbox")
"""The sources that write their records one by one, and so know how many there are; the others give files."""


@pytest.fixture(params=list(SOURCES))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Each source in its turn; only SQL needs a database."""
    url = request.getfixturevalue("database_url") if request.param == "sql" else ""
    with RIGS[request.param](tmp_path, url) as made:
        assert source_named(made.url).name == request.param
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a source writes."""
    return tmp_path / "fetched"


def fetch_all(rig: Rig, folder: Path, max_file_mb: int = 10_240, known: str | None = None) -> Fetched:
    """Fetch what a rig has."""
    limits = {"max_file_mb": max_file_mb}
    return fetched(rig.url, folder, *rig.types, secret=rig.secret, limits=limits, known=known)


def imported(file: FetchedFile, work: Path) -> tuple[str, int]:
    """Read a file as an import does, as far as the fitting of its columns; returns its type and its records."""
    work.mkdir(exist_ok=True)
    named = RESOURCES[file.resource_type] if file.resource_type else None
    job = ImportJob(path=file.path, name=file.name)
    extracted = extract(job, named, work, with_settings())
    chosen = named or detect_type(extracted)
    map_columns(extracted.columns, chosen, MapOptions(), Mode.UPSERT)
    return chosen.type, without_secrets(extracted, chosen).frame.collect().height


def test_what_is_fetched_can_be_imported(rig: Rig, folder: Path, tmp_path: Path) -> None:
    """Its files are there with the records that the source has, each of a type that it says or that is found out."""
    found = fetch_all(rig, folder)
    counted: Counter[str] = Counter()
    for file in found.files:
        if file.records != 0:
            kind, count = imported(file, tmp_path / "work")
            counted[kind] += count
            assert file.records == (count if source_named(rig.url).name in COUNTING else None)
    assert (counted, found.failures, found.whole) == (rig.records, (), True)


def test_nothing_is_left_but_the_files(rig: Rig, folder: Path) -> None:
    """The folder holds what is told, and the digest is that of the content."""
    found = fetch_all(rig, folder)
    assert sorted(folder.iterdir()) == sorted(file.path for file in found.files)
    assert len({file.name for file in found.files}) == len(found.files)
    again = fetch_all(rig, folder.with_name("again"))
    assert (found.digest, len(found.digest)) == (again.digest, 64)


def test_what_is_as_it_was_is_not_fetched_again(rig: Rig, folder: Path) -> None:
    """The version says so where the source has one, until it changes; that of another address says nothing."""
    found = fetch_all(rig, folder)
    if rig.change is None:
        assert found.version is None
        return
    asked = request(rig.url, folder.with_name("again"), secret=rig.secret, known=found.version)
    assert found.version
    assert fetch(asked) is None
    assert not folder.with_name("again").exists() or not list(folder.with_name("again").iterdir())
    other = "0" * 16 + found.version[16:]
    assert fetch_all(rig, folder.with_name("other"), known=other).version == found.version
    rig.change()
    newer = fetch_all(rig, folder.with_name("newer"), known=found.version)
    assert newer.version not in (None, found.version)


def test_a_part_that_fails_leaves_the_rest(rig: Rig, folder: Path) -> None:
    """It is told in a sentence, so that nothing is taken for deleted; what came through is there."""
    if rig.spoil is None:
        pytest.skip("this source is one part")
    whole = fetch_all(rig, folder)
    rig.spoil()
    found = fetch_all(rig, folder.with_name("again"))
    assert 0 < len(found.files) <= len(whole.files)
    assert found.failures
    assert not found.whole
    assert all(issue.message.endswith((".", ")", "?")) and issue.value for issue in found.failures)
    assert sorted(folder.with_name("again").iterdir()) == sorted(file.path for file in found.files)


def test_no_file_is_larger_than_allowed(rig: Rig, folder: Path) -> None:
    """What is too large is told with the setting that says so, and nothing of it stays as if it were whole."""
    rig.enlarge()
    try:
        found = fetch_all(rig, folder, max_file_mb=1)
    except SourceError as error:
        told = str(error)
    else:
        assert found.failures
        told = " ".join(issue.message for issue in found.failures)
    assert "1 MB" in told
    assert "CMDB_MAX_FILE_MB" in told
    assert all(path.stat().st_size <= 1 << 20 for path in folder.iterdir())


def test_a_secret_is_never_shown(rig: Rig, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by an error, nor by its cause, nor by a log, when a server refuses it and repeats it."""
    if rig.broken is None:
        pytest.skip("this source takes no secret")
    caplog.set_level(logging.DEBUG)
    asked = request(rig.broken(), folder, *rig.types, secret=rig.secret)
    with pytest.raises(CmdbError) as caught:
        fetch(asked)
    told = [*traceback.format_exception(caught.value), repr(asked), str(vars(caught.value)), str(caught.value)]
    # What a library notes of a server's answer for those who debug it is the server's.
    told += [record.getMessage() for record in caplog.records if record.name.partition(".")[0] == "tasks"]
    assert SECRET not in " ".join(told)
    assert not folder.exists() or not list(folder.iterdir())


def test_nothing_that_works_logs_the_secret(rig: Rig, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever logs everything has the secret in none of it."""
    caplog.set_level(logging.DEBUG)
    fetch_all(rig, folder)
    assert not [record for record in caplog.records if SECRET in record.getMessage()]


def test_progress_is_reported(rig: Rig, folder: Path) -> None:
    """It only grows, and ends at what there is."""
    told: list[tuple[int, int, int]] = []

    def listen(files: int, records: int, size: int) -> None:
        told.append((files, records, size))

    found = fetched(rig.url, folder, *rig.types, secret=rig.secret, progress=listen)
    assert told == sorted(told)
    files, records, size = told[-1]
    assert files == len(found.files)
    assert records == sum(file.records or 0 for file in found.files)
    assert size == sum(file.path.stat().st_size for file in found.files)
