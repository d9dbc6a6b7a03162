"""Migrations: an empty database gets the tables of the declarations, once, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from schemas.errors import UsageError
from schemas.model.tables import CHANGES, METADATA, REVISION
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import SCRIPTS, upgrade
from tests.support import execute, importer, vpc, vpc_id


def test_the_migrations_make_the_declared_tables(database_url: str) -> None:
    """After all migrations nothing is left to change: a type without its migration fails here."""
    with engine(database_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_revision_is_the_newest_migration() -> None:
    """`REVISION` is what spares every run an import of Alembic."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_two_first_runs_at_once(empty_database: str) -> None:
    """One of them makes the tables, the other waits for it."""
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda _: upgrade(engine(empty_database)), range(2))) == [False, True]


def test_a_newer_database_is_refused(database_url: str) -> None:
    """A database that a newer cmdb made is left alone, and the message says so."""
    execute(database_url, "update alembic_version set version_num = '9999'")
    with pytest.raises(UsageError, match="made by a newer cmdb"):
        upgrade(engine(database_url))


def test_the_migrations_can_be_reversed(database_url: str) -> None:
    """Each of them, to a database without tables; applied again, nothing is left to change."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with engine(database_url).begin() as connection:
        config.attributes["connection"] = connection
        # The view of all changes is no migration's: each version makes its own.
        connection.execute(text(f"drop view {CHANGES.name}"))
        command.downgrade(config, "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    assert upgrade(engine(database_url)) is True
    with engine(database_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_before_images_are_json_for_the_version_before(database_url: str, tmp_path: Path) -> None:
    """Taken back, the migration leaves in `change` what the view had of each updated record, and no other table."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2), vpc(3)])
    run([vpc(1, name="new"), vpc(2)])
    run([{"vpc_id": vpc_id(3), "name": "x", "owner": "ann"}], resource_type="vpc", mode="update", empty="keep")
    names = "run_id, resource_type, key, row, before, after"
    images = execute(database_url, f"select {names} from all_changes order by key")  # noqa: S608  # of this test
    assert [(image.key, image.before["name"], image.after["name"]) for image in images] == [
        (vpc_id(1), "net-1", "new"),
        (vpc_id(3), "net-3", "x"),
    ]
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with engine(database_url).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
    assert execute(database_url, f"select {names} from change order by key") == images  # noqa: S608  # of this test
    assert execute(database_url, "select to_regclass('vpc_before')") == [(None,)]
