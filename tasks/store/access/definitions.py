"""What has a name and an owner: saved mappings, and definitions of syncs; each change is entered in the access log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql

from schemas.errors import Forbidden, UsageError
from schemas.jobs import SyncJob
from schemas.language.remedies import option
from schemas.mapping import Mapping
from schemas.model.tables import SAVED_MAPPING, SYNC_DEFINITION
from tasks.store.access import access_log
from tasks.store.connection.session import name_lock

# What is said of one run alone.
_OF_A_RUN = ("always", "dry_run")


@dataclass(frozen=True)
class Definition:
    """What a sync is: its source and options, whose it is, and who changed it last."""

    name: str
    owner: str | None
    options: dict[str, Any]
    changed_by: str | None
    changed_at: datetime

    def job(self) -> SyncJob:
        """Return the sync as it is to run."""
        return SyncJob.model_validate(self.options | {"name": self.name})


def definitions(connection: Connection, owner: str | None = None) -> list[Definition]:
    """Return the definitions of all syncs, or of one owner's, by name."""
    query = select(SYNC_DEFINITION).order_by(SYNC_DEFINITION.c.name)
    query = query if owner is None else query.where(SYNC_DEFINITION.c.owner == owner)
    return [Definition(**row) for row in connection.execute(query).mappings()]


def definition(connection: Connection, name: str) -> Definition | None:
    """Return the definition of a sync; None where there is none of that name."""
    row = connection.execute(select(SYNC_DEFINITION).where(SYNC_DEFINITION.c.name == name)).mappings().one_or_none()
    return Definition(**row) if row else None


def define(connection: Connection, job: SyncJob, who: str) -> list[access_log.Entry]:
    """Store the definition of a sync; raises Forbidden where it is another owner's. A dry run stores nothing.

    Returns what was entered in the access log: nothing where the definition is as it was.
    """
    _one_at_a_time(connection, "sync", job.source)
    known = definition(connection, job.source)
    if known and not job.authority.admin and known.owner != who:
        raise Forbidden(f"The sync '{job.source}' belongs to another key: give yours another name.", sync=job.source)
    options = {name: value for name, value in job.options().items() if name not in _OF_A_RUN}
    if job.authority.types is not None:
        # Whoever runs it by its name reads no more types than its owner may.
        options["authority"] = {"types": list(job.authority.types)}
    if job.dry_run or (known and known.options == options):
        return []
    changed = {"options": options, "changed_by": who, "changed_at": datetime.now(UTC)}
    row = postgresql.insert(SYNC_DEFINITION).values(name=job.source, owner=who, **changed)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=changed))
    detail = {"owner": known.owner if known else who, "before": known.options if known else None, "after": options}
    return access_log.add(connection, [access_log.Event("sync-definition", who=who, target=job.source, detail=detail)])


def check_mapping(connection: Connection, name: str, who: str, *, admin: bool) -> None:
    """Raise Forbidden where a saved mapping is another owner's."""
    row = connection.execute(select(SAVED_MAPPING.c.owner).where(SAVED_MAPPING.c.name == name)).one_or_none()
    if row is not None and not admin and row.owner != who:
        raise Forbidden(
            f"The saved mapping '{name}' belongs to another key: save yours under another name.", mapping=name
        )


def save_mapping(
    connection: Connection, name: str, resource_type: str, mapping: Mapping, who: str, *, admin: bool
) -> None:
    """Keep a mapping under a name, in place of an older one of the same owner; raises Forbidden."""
    _one_at_a_time(connection, "mapping", name)
    check_mapping(connection, name, who, admin=admin)
    before = connection.execute(select(SAVED_MAPPING).where(SAVED_MAPPING.c.name == name)).mappings().one_or_none()
    values = {
        "resource_type": resource_type,
        "columns": {match.column: match.field for match in mapping.matches},
        "constants": mapping.given_constants,
    }
    if before and all(before[each] == value for each, value in values.items()):
        return
    if before:
        changed = values | {"updated_at": datetime.now(UTC)}
        connection.execute(update(SAVED_MAPPING).where(SAVED_MAPPING.c.name == name).values(changed))
    else:
        connection.execute(SAVED_MAPPING.insert().values(name=name, owner=who, **values))
    detail = {
        "owner": before["owner"] if before else who,
        "before": {each: before[each] for each in values} if before else None,
        "after": values,
    }
    access_log.add(connection, [access_log.Event("mapping", who=who, target=name, detail=detail)])


def saved_mappings(connection: Connection) -> list[dict[str, Any]]:
    """Return every saved mapping: its name, owner, type, columns and constants."""
    saved = SAVED_MAPPING.c
    query = select(saved.name, saved.owner, saved.resource_type, saved.columns, saved.constants).order_by(saved.name)
    return [dict(row) for row in connection.execute(query).mappings()]


def load_mapping(connection: Connection, name: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return (resource type, columns, constants) of a saved mapping; raises UsageError."""
    row = connection.execute(select(SAVED_MAPPING).where(SAVED_MAPPING.c.name == name)).one_or_none()
    if row is None:
        names = list(connection.scalars(select(SAVED_MAPPING.c.name).order_by(SAVED_MAPPING.c.name)))
        known = f"saved ones: {', '.join(names)}" if names else f"none is saved yet; {option('save_mapping')} saves one"
        raise UsageError(f"Unknown saved mapping '{name}': {known}.", mapping=name, choices=names)
    return row.resource_type, dict(row.columns), dict(row.constants)


def _one_at_a_time(connection: Connection, what: str, name: str) -> None:
    connection.execute(select(func.pg_advisory_xact_lock(name_lock(f"definition of {what}", name))))
