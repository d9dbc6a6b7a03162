"""What has a name: no other caller changes a saved mapping or takes over a sync, and each change is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic import command
from alembic.config import Config

from flows.pipelines import sync_source
from schemas.access.permissions import Authority
from schemas.errors import Forbidden
from schemas.jobs import SyncJob
from schemas.settings import settings
from tasks.store.access.definitions import definition, definitions, saved_mappings
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import SCRIPTS, upgrade
from tests.api.facade import Locked
from tests.api.support import Cli
from tests.databases import database
from tests.support import execute, importer, vpc, vpc_id, write_csv

KEY = Authority(admin=False)


def changes(url: str, what: str) -> list[tuple[Any, ...]]:
    """Return who changed what of a kind, and whether there was something before, in order."""
    query = "select who, target, detail->'before' <> 'null' from audit_log where what = :what order by number"
    return [tuple(row) for row in execute(url, query, what=what)]


def columns(url: str) -> dict[str, list[str]]:
    """Return the columns of each saved mapping."""
    with engine(url).connect() as connection:
        return {each["name"]: sorted(each["columns"]) for each in saved_mappings(connection)}


def test_a_saved_mapping_is_its_owners(database_url: str, tmp_path: Path) -> None:
    """A preview saves nothing; another key's import under the name changes nothing at all; admin may."""
    run = importer(database_url, tmp_path)
    mine = {"VPC": vpc_id(1), "Block": "10.1.0.0/16", "Where": "us-east-1", "Account": "012345678901"}
    fields = {"VPC": "vpc_id", "Block": "cidr_block", "Where": "region", "Account": "account_id"}
    asked: dict[str, Any] = {"resource_type": "vpc", "columns": fields, "save_mapping": "net"}
    run([mine], **asked, requested_by="alice", authority=KEY, dry_run=True)
    assert columns(database_url) == {}
    run([mine], **asked, requested_by="alice", authority=KEY)
    for dry_run in (True, False):
        other = {"save_mapping": "net", "requested_by": "mallory", "authority": KEY, "dry_run": dry_run}
        if dry_run:
            run([vpc(2)], **other)
            continue
        with pytest.raises(Forbidden, match="belongs to another key"):
            run([vpc(2)], **other)
    assert columns(database_url) == {"net": sorted(fields)}
    assert execute(database_url, "select vpc_id from vpc") == [(vpc_id(1),)]
    run([vpc(2)], save_mapping="net", requested_by="boss")
    assert columns(database_url) == {"net": sorted(vpc(2))}
    assert changes(database_url, "mapping") == [("alice", "net", False), ("boss", "net", True)]


def test_another_keys_mapping_is_refused_at_the_door(locked: Locked, database_url: str) -> None:
    """Before a run is made of the request, and its owner is shown."""
    execute(
        database_url,
        "insert into saved_mapping (name, resource_type, columns, constants, owner)"
        " values ('net', 'vpc', '{}', '{}', 'alice')",
    )
    sent: dict[str, Any] = {"files": {"file": ("a.csv", b"name\nx\n", "text/csv")}, "data": {"saveMapping": "net"}}
    with locked.client("bob") as bob, locked.client("alice") as alice:
        assert bob.post("/api/import/execute", **sent).status_code == 403
        assert alice.post("/api/import/execute", **sent).status_code == 503, "it goes on to Prefect, which is away"
        assert [each["owner"] for each in bob.get("/api/mappings").json()] == ["alice"]


def test_a_sync_is_its_owners(cli: Cli, database_url: str, tmp_path: Path) -> None:
    """Another key's run under its name is refused, from wherever it comes; `cmdb sync NAME` uses what is defined."""
    good = write_csv(tmp_path / "good.csv", [vpc(1)])
    evil = write_csv(tmp_path / "evil.csv", [vpc(666)])

    def sync(source: Path, who: str | None, authority: Authority, **options: Any) -> str:
        job = SyncJob(url=str(source), name="core", requested_by=who, authority=authority, **options)
        return str(sync_source(job, database_url, settings()).status)

    assert sync(good, "alice", KEY) == "completed"
    for dry_run in (False, True):
        with pytest.raises(Forbidden, match="The sync 'core' belongs to another key"):
            sync(evil, "mallory", KEY, dry_run=dry_run)
    # What an older version has left in the ledger is no definition, either.
    execute(
        database_url,
        "update import_run set options = jsonb_set(options, '{url}', to_jsonb(cast(:u as text)))",
        u=str(evil),
    )
    execute(database_url, "truncate vpc")
    assert cli("sync", "core").code == 0
    assert execute(database_url, "select vpc_id from vpc") == [(vpc_id(1),)]
    [shown] = orjson.loads(cli("syncs", "--json").out)
    assert (shown["url"], shown["owner"], shown["options"]["url"]) == (str(good), "alice", str(good))
    # Its owner and admin may change it; it stays its owner's.
    assert sync(good, "alice", KEY, max_delete="5%") == "completed"
    assert sync(good, None, Authority(), max_delete="6%", always=True) == "completed"
    with engine(database_url).connect() as connection:
        found = definition(connection, "core")
    assert found is not None
    assert (found.owner, found.options["max_delete"], "always" in found.options) == ("alice", "6%", False)
    made = [(who == "alice", name, before) for who, name, before in changes(database_url, "sync-definition")]
    assert made == [(True, "core", False), (True, "core", True), (False, "core", True)]


def test_a_sync_has_no_more_types_than_its_owner(cli: Cli, database_url: str, tmp_path: Path) -> None:
    """Whoever may do everything, and runs it by its name, does not lend it their permissions."""
    source = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    limited = Authority(types=("subnet",), admin=False)
    job = SyncJob(url=str(source), name="limited", requested_by="alice", authority=limited)
    with pytest.raises(Forbidden, match="for vpc"):
        sync_source(job, database_url, settings())
    assert cli("sync", "limited").code == 1
    assert execute(database_url, "select vpc_id from vpc") == []


def test_syncs_of_older_versions_keep_their_first_owner(postgres_url: str, template_database: str) -> None:
    """Whoever asked for a sync first defines it, though another has used its name since."""
    runs = (("alice", "first"), ("alice", "second"), ("mallory", "evil"))
    with database(postgres_url, template_database) as url:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        with engine(url).begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0006")
        for minute, (who, file) in enumerate(runs):
            execute(
                url,
                "insert into import_run"
                " (run_id, source, mode, dry_run, options, status, sync, requested_by, started_at)"
                " values (gen_random_uuid(), 'core', 'sync', false, jsonb_build_object('url', cast(:file as text)),"
                " 'completed', 'core', :who, now() + make_interval(mins => :minute))",
                who=who,
                file=file,
                minute=minute,
            )
        assert upgrade(engine(url))
        with engine(url).connect() as connection:
            [found] = definitions(connection)
    assert (found.name, found.owner, found.options) == ("core", "alice", {"url": "second"})
