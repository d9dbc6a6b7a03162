"""The revision that puts sites into the keys of VLANs and devices: nothing is lost, and doubts are reported."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select

from schemas.jobs import UndoJob
from schemas.resources import RESOURCES
from schemas.settings import settings
from tasks.steps.undo import undo
from tasks.store import ledger
from tasks.store.connection.engine import close_engine, engine
from tasks.store.connection.migrate import SCRIPTS, upgrade
from tasks.store.read.as_of import as_of
from tests.support import execute, stored

Record = dict[str, Any]

START = datetime(2026, 1, 1, tzinfo=UTC)


def run(number: int) -> UUID:
    """Return the id of the run of that number."""
    return UUID(int=number)


def at(number: int) -> datetime:
    """Return when a run had ended."""
    return START + timedelta(days=number)


class OldDatabase:
    """A database at the revision before, filled by statements: what imports of that time left."""

    def __init__(self, url: str) -> None:
        self.url = url
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        with engine(url).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0004")

    def add_run(self, number: int, resource_type: str, **counts: int) -> None:
        """Enter a completed run."""
        values: Record = {
            "run_id": run(number),
            "resource_type": resource_type,
            "source": "file.csv",
            "mode": "upsert",
            "dry_run": False,
            "options": "{}",
            "status": "completed",
            "rules": "[]",
            "started_at": at(number),
            "finished_at": at(number),
            **{f"records_{name}": count for name, count in counts.items()},
        }
        self.insert("import_run", values)

    def add(self, table: str, created: int, updated: int | None = None, **record: Any) -> Record:
        """Store a record that a run created, and another changed last; returns it as it is in an image."""
        lineage = {
            "created_at": at(created),
            "updated_at": at(updated or created),
            "created_by_run": run(created),
            "updated_by_run": run(updated or created),
        }
        self.insert(table, record | lineage)
        return record | {name: str(value) for name, value in lineage.items()}

    def add_change(self, number: int, resource_type: str, key: str, before: Record | None, after: Record) -> None:
        """Enter what a run changed of a record."""
        values = {"before": json.dumps(before), "after": json.dumps(after), "run_id": run(number)}
        self.insert("change", {"resource_type": resource_type, "key": key, "row": 2, **values})

    def insert(self, table: str, values: Record) -> None:
        """Insert a row."""
        names = ", ".join(f'"{name}"' for name in values)
        execute(self.url, f"insert into {table} ({names}) values ({', '.join(f':{n}' for n in values)})", **values)  # noqa: S608


def images(number: int, record: Record, changed: Record) -> tuple[Record, Record]:
    """Return the image of a record before a run changed it, and what the run wrote."""
    lineage = {"updated_by_run": str(run(number)), "updated_at": str(at(number)), "retired_at": None}
    return record | lineage, changed


@pytest.fixture
def old(empty_database: str) -> OldDatabase:
    """Imports of the VLANs of two sites, of a group that is called like a site, of devices and of prefixes."""
    old = OldDatabase(empty_database)
    old.add_run(1, "vlan", created=4)
    old.add_run(2, "vlan", updated=1)
    old.add_run(3, "vlan", deleted=1)
    old.add_run(4, "device", created=2)
    old.add_run(5, "device", updated=1)
    old.add_run(6, "prefix", created=1)
    old.add_run(7, "prefix", updated=1)
    first = old.add("vlan", 1, 2, natural_key="/100", vid=100, name="Data", site="Berlin")
    fields = {"vid": 100, "name": "Data", "site": "Berlin", "group": None}
    old.add_change(2, "vlan", "/100", *images(1, first | {"site": "HQ", "group": None}, fields))
    old.add("vlan", 1, natural_key="fra/110", vid=110, name="x", site="HQ", group="fra")
    old.add("vlan", 1, natural_key="HQ/200", vid=200, name="of the group", group="HQ")
    old.add("vlan", 1, natural_key="/200", vid=200, name="of the site", site="HQ")
    old.add("vlan", 1, natural_key="/300", vid=300, name="nowhere")
    old.add("vlan_gone", 1, natural_key="/400", vid=400, name="gone", site="HQ", gone_by_run=run(3))
    device = old.add("device", 4, 5, name="fra-1", site="HQ", serial="new")
    old.add("device", 4, name="fra-2")
    old.add_change(5, "device", "fra-1", *images(4, device | {"serial": "old"}, {"name": "fra-1", "serial": "new"}))
    prefix = old.add("prefix", 6, 7, natural_key="/10.0.0.0/24", prefix="10.0.0.0/24", site="HQ", vlan="/100")
    fields = {"vlan": "/100", "description": None}
    old.add_change(7, "prefix", "/10.0.0.0/24", *images(6, prefix | {"description": "before"}, fields))
    return old


def known(url: str, resource_type: str, field: str, moment: datetime | None = None) -> dict[str, Any]:
    """Return a field of each record, by the key, now or as of a moment."""
    resource = RESOURCES[resource_type]
    if moment is None:
        return {record["natural_key"]: record[field] for record in stored(url, resource_type)}
    with engine(url).begin() as connection:
        found = as_of(connection, resource, moment)
        return {row.natural_key: getattr(row, field) for row in connection.execute(select(found))}


def test_every_record_is_kept_under_its_new_key(old: OldDatabase) -> None:
    """With its references; a key that would be another record's stays as it was."""
    assert upgrade(engine(old.url))
    assert known(old.url, "vlan", "name") == {
        "Berlin/100": "Data",
        "fra/110": "x",
        "HQ/200": "of the group",
        "/200": "of the site",
        "/300": "nowhere",
    }
    assert known(old.url, "device", "serial") == {"HQ/fra-1": "new", "/fra-2": None}
    assert known(old.url, "prefix", "vlan") == {"/10.0.0.0/24": "Berlin/100"}
    assert execute(old.url, "select natural_key from vlan_gone") == [("HQ/400",)]


def test_what_is_in_doubt_is_reported(old: OldDatabase) -> None:
    """By a run of the ledger: the records that were several, and those whose new key is another's."""
    upgrade(engine(old.url))
    [(found,)] = execute(old.url, "select run_id from import_run where source = 'upgrade'")
    with engine(old.url).connect() as connection:
        report = ledger.read_report(connection, found)
        said = {issue.value: issue.message for issue in ledger.read_issues(connection, found)}
    assert report.message
    assert "VLANs with a new key, which has their site: 1; devices: 2." in report.message
    assert said.keys() == {"Berlin/100, HQ/100", "/200", "/10.0.0.0/24"}
    assert "were one record" in said["Berlin/100, HQ/100"]
    assert "'/200' keeps its key" in said["/200"]
    assert "of HQ refers to VLAN 'Berlin/100'" in said["/10.0.0.0/24"]


def test_records_as_they_were(old: OldDatabase) -> None:
    """At each moment, each record has the key of the site that it had then."""
    upgrade(engine(old.url))
    then = at(1) + timedelta(hours=1)
    assert known(old.url, "vlan", "site", then) == {
        "HQ/100": "HQ",
        "fra/110": "HQ",
        "HQ/200": None,
        "/200": "HQ",
        "/300": None,
        "HQ/400": "HQ",
    }
    assert known(old.url, "device", "serial", at(4) + timedelta(hours=1)) == {"HQ/fra-1": "old", "/fra-2": None}
    assert known(old.url, "prefix", "vlan", at(6) + timedelta(hours=1)) == {"/10.0.0.0/24": "Berlin/100"}


def test_runs_of_before_can_be_undone(old: OldDatabase) -> None:
    """The run that made Berlin's VLAN of HQ's is taken back: HQ's is there again, and Berlin's is gone."""
    upgrade(engine(old.url))

    def undo_of(number: int) -> None:
        report = undo(UndoJob(run=run(number), force=number == 2), old.url, settings())
        assert report.counts.rejected == 0

    undo_of(7)
    assert known(old.url, "prefix", "description") == {"/10.0.0.0/24": "before"}
    undo_of(5)
    assert known(old.url, "device", "serial") == {"HQ/fra-1": "old", "/fra-2": None}
    undo_of(4)
    assert known(old.url, "device", "serial") == {}
    undo_of(3)
    assert known(old.url, "vlan", "name")["HQ/400"] == "gone"
    undo_of(2)
    assert known(old.url, "vlan", "site") == {
        "HQ/100": "HQ",
        "fra/110": "HQ",
        "HQ/200": None,
        "/200": "HQ",
        "/300": None,
        "HQ/400": "HQ",
    }
    undo_of(1)
    assert known(old.url, "vlan", "name") == {}


def test_plans_of_before_are_ended(old: OldDatabase) -> None:
    """A frozen plan was made with the old keys: it has to be made again."""
    until = datetime.now(UTC) + timedelta(hours=1)
    for number, kind in ((8, "vlan"), (9, "vpc")):
        old.add_run(number, kind)
        plan = json.dumps({"parts": [{"type": kind}]})
        execute(
            old.url,
            "update import_run set plan = cast(:plan as jsonb), plan_until = :until where run_id = :run",
            plan=plan,
            until=until,
            run=run(number),
        )
    upgrade(engine(old.url))
    kept = execute(old.url, "select run_id from import_run where plan_until > now()")
    assert kept == [(run(9),)]


def test_a_database_without_such_records_is_not_reported_on(empty_database: str) -> None:
    """There is nothing to say of a new database."""
    old = OldDatabase(empty_database)
    upgrade(engine(old.url))
    assert execute(old.url, "select * from import_run") == []
    close_engine(old.url)
