"""Traps of databases: statements that write, values without a form in JSON, drivers that lack."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from schemas.errors import SourceError, UsageError
from tasks.sources import fetch
from tests.support import execute, importer, stored
from tests.tasks.sources.support import fetched, request


def asking(url: str, statement: str) -> str:
    """An address with a query."""
    return f"{url}{'&' if '?' in url else '?'}query={quote(statement)}"


def rows(url: str, statement: str, folder: Path) -> list[dict[str, Any]]:
    """What a query gives."""
    return [json.loads(line) for line in fetched(asking(url, statement), folder).files[0].path.read_text().splitlines()]


def test_a_postgresql_into_a_postgresql(database_url: str, tmp_path: Path) -> None:
    """A query of one is imported into the other, with nulls and values of its own types."""
    execute(database_url, "CREATE TABLE nets (block cidr, routing text, pool boolean, tags jsonb)")
    first, second = """('10.1.0.0/16', '65000:1', true, '{"a": "b"}')""", "('2001:db8::/48', NULL, false, NULL)"
    execute(database_url, f"INSERT INTO nets VALUES {first}, {second}")  # noqa: S608  # two constants
    execute(database_url, "INSERT INTO vrf (natural_key, rd) VALUES ('65000:1', '65000:1')")
    statement = "SELECT block AS prefix, routing AS vrf, pool AS is_pool, tags FROM nets"
    found = fetched(asking(database_url, statement), tmp_path, "prefix")
    report = importer(database_url, tmp_path)(found.files[0].path, resource_type="prefix")
    assert (report.counts.create, report.counts.rejected) == (2, 0), report.issues
    kept = {row["prefix"]: (row["vrf"], row["is_pool"], row["tags"]) for row in stored(database_url, "prefix")}
    assert kept == {"10.1.0.0/16": ("65000:1", True, {"a": "b"}), "2001:db8::/48": (None, False, None)}


def test_values_keep_what_they_are(database_url: str, tmp_path: Path) -> None:
    """Digits, times, lists, bytes, and numbers that are none."""
    statement = """SELECT 1.10::numeric AS n, 123456789012345678901234567890::numeric AS big, 'NaN'::float8 AS nan,
        '192.0.2.1'::inet AS ip, ARRAY['a', 'b'] AS list, '{"k": [1]}'::jsonb AS doc, '2026-11-24'::date AS day,
        'abc'::bytea AS raw, '1 day'::interval AS span, NULL AS none, '100%' AS percent, ':x' AS colon"""
    assert rows(database_url, statement, tmp_path) == [
        {
            "n": "1.10",
            "big": "123456789012345678901234567890",
            "nan": "nan",
            "ip": "192.0.2.1",
            "list": ["a", "b"],
            "doc": {"k": [1]},
            "day": "2026-11-24",
            "raw": "abc",
            "span": "1 day, 0:00:00",
            "none": None,
            "percent": "100%",
            "colon": ":x",
        }
    ]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM keep", "must begin with select"),
        ("SELECT 1; DELETE FROM keep", "is one statement"),
        ("SELECT 1; COMMIT; DELETE FROM keep", "is one statement"),
        ("WITH gone AS (DELETE FROM keep RETURNING *) SELECT * FROM gone", "cannot be read: .*(read-only|WITH)"),
        ("SELECT nextval('numbers')", "cannot be read: .*read-only"),
        ("SELECT x AS a, x AS a FROM keep", "two columns of the name 'a'"),
        ("SELECT * FROM nowhere", 'cannot be read: relation "nowhere" does not exist'),
    ],
)
def test_nothing_is_written(database_url: str, tmp_path: Path, statement: str, said: str) -> None:
    """Whatever the statement tries; the file is gone too."""
    execute(database_url, "CREATE TABLE keep AS SELECT 1 AS x")
    execute(database_url, "CREATE SEQUENCE numbers")
    with pytest.raises((SourceError, UsageError), match=said):
        fetch(request(asking(database_url, statement), tmp_path / "out"))
    assert execute(database_url, "SELECT x FROM keep") == [(1,)]
    assert not list((tmp_path / "out").glob("*"))


def test_rows_come_as_they_are_read(database_url: str, tmp_path: Path) -> None:
    """A query that fails at its end has given its beginning: it is never held whole."""
    told: list[int] = []
    statement = "SELECT n, 1 / (50000 - n) AS x FROM generate_series(1, 60000) n"
    with pytest.raises(SourceError, match="division by zero"):
        fetch(
            request(
                asking(database_url, statement), tmp_path / "out", progress=lambda _, records, __: told.append(records)
            )
        )
    assert told[0] == 2_000
    assert told[-1] == 48_000
    assert list((tmp_path / "out").iterdir()) == []


def test_tables_and_empty_ones(database_url: str, tmp_path: Path) -> None:
    """A table's name is quoted; one without rows is a file without records."""
    execute(database_url, 'CREATE SCHEMA "My; schema"')
    execute(database_url, 'CREATE TABLE "My; schema"."Odd ""table" (x int)')
    odd = quote('My; schema.Odd "table')
    found = fetched(f"{database_url}{'&' if '?' in database_url else '?'}table={odd}", tmp_path)
    assert [(file.records, file.path.read_text()) for file in found.files] == [(0, "")]


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    """An SQLite file with a table."""
    path = tmp_path / "a network.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sites (name TEXT, slug TEXT)")
        connection.execute("INSERT INTO sites VALUES ('Zürich', NULL)")
        connection.commit()
    return path


def test_an_sqlite_file(sqlite: Path, tmp_path: Path) -> None:
    """It is read, and neither written to nor made."""
    url = f"sqlite:///{sqlite}"
    assert rows(url, "SELECT * FROM sites", tmp_path / "out") == [{"name": "Zürich", "slug": None}]
    assert fetched(f"{url}?table=sites", tmp_path / "b", "site").files[0].name == "a network sites.ndjson"
    with pytest.raises(SourceError, match="cannot be read"):
        fetch(request(asking(url, "WITH x AS (SELECT 1) INSERT INTO sites SELECT 'b', 'c' FROM x"), tmp_path / "c"))
    with pytest.raises(SourceError, match="SQLite file not found"):
        fetch(request(f"sqlite:///{tmp_path}/none.db?table=sites", tmp_path / "d"))
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(UsageError, match="see CMDB_SOURCE_FOLDERS"):
        fetch(request(f"{url}?table=sites", tmp_path / "e", limits={"source_folders": (tmp_path / "f",)}))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://reader@127.0.0.1/x?table=y", "needs its driver: install the package 'MySQLdb'"),
        ("postgresql+asyncpg://reader@127.0.0.1/x?table=y", "asynchronous driver: write postgresql://"),
        ("postgresql+nothing://reader@127.0.0.1/x?table=y", "is not a database that SQLAlchemy supports here"),
        ("postgresql://reader@127.0.0.1/x", "give one of the two"),
        ("postgresql://reader@127.0.0.1/x?table=y&query=select", "give one of the two"),
        ("postgresql://reader@127.0.0.1:port/x?table=y", "Not a valid database URL"),
    ],
)
def test_what_is_wrong_with_an_address(tmp_path: Path, url: str, said: str) -> None:
    """It is told, with what to do."""
    with pytest.raises(UsageError, match=said):
        fetch(request(url, tmp_path))


def test_nobody_answers(tmp_path: Path) -> None:
    """The address is told without its user."""
    with pytest.raises(SourceError, match=r"postgresql://127.0.0.1:1/x cannot be read") as caught:
        fetch(request("postgresql://reader@127.0.0.1:1/x?table=y", tmp_path, secret='{"password": "abcdefgh"}'))
    assert "abcdefgh" not in str(caught.value)
