"""Tables: one per resource type, derived from its declaration, and those of the ledger."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    cast,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from schemas.model.resource import NATURAL_KEY, SOURCE_ID, Resource
from schemas.resources import RESOURCES

# The name that PostgreSQL itself gives to a primary key, so that it can be named.
METADATA = MetaData(naming_convention={"ix": "ix_%(column_0_label)s", "pk": "%(table_name)s_pkey"})

REVISION = "0011"
"""The migration that brings a database to these tables; a test compares it with the newest migration."""

STAGING_SCHEMA = "cmdb_staging"
"""Where each run keeps the table it stages into; the run drops it, or the next one does."""

RETIRED_AT = "retired_at"
"""Since when a record is retired: its source no longer has it, and exports leave it out."""

LINEAGE = ("created_at", "updated_at", "created_by_run", "updated_by_run", RETIRED_AT)
"""Columns that the system keeps of each record; a record that a run created is found by `created_by_run`."""


def column_type(resource: Resource, name: str) -> TypeEngine[Any]:
    """Return the SQL type of a stored column; text keys compare by bytes, which loads nearly twice as fast."""
    kind = resource.fields[name].kind.sql if name in resource.fields else Text()
    return Text(collation="C") if isinstance(kind, Text) and name == resource.key_column else kind


def _resource_table(resource: Resource) -> Table:
    columns = [
        Column(name, column_type(resource, name), primary_key=name == resource.key_column, autoincrement=False)
        if name == resource.key_column
        else Column(name, column_type(resource, name), nullable=name not in resource.required)
        for name in resource.stored
    ]
    lineage = [
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("created_by_run", Uuid),
        Column("updated_by_run", Uuid),
        Column(RETIRED_AT, DateTime(timezone=True)),
    ]
    return Table(resource.table, METADATA, *columns, *lineage)


TABLES: dict[str, Table] = {name: _resource_table(resource) for name, resource in RESOURCES.items()}
"""The table of each resource type, by the type's name."""

GONE_BY = "gone_by_run"
"""The run that deleted a record, in the table of those that are gone."""


def _copy_of(resource: Resource, suffix: str, run: str, *more: Column[Any]) -> Table:
    """A table of copies of a type's records, found by their key or by the run: a tenth of the cost of JSON images."""
    columns = TABLES[resource.type].columns
    key = columns[resource.key_column]
    copied = [Column(each.name, each.type, nullable=each.nullable) for each in columns]
    name = f"{resource.table}_{suffix}"
    keyed = next(each for each in copied if each.name == key.name)
    found_by = keyed if isinstance(key.type, Text) else cast(keyed, Text)
    return Table(
        name,
        METADATA,
        *copied,
        Column(run, Uuid, nullable=False),
        *more,
        Index(f"{name}_key", found_by),
        Index(f"{name}_run", run),
    )


GONE: dict[str, Table] = {name: _copy_of(resource, "gone", GONE_BY) for name, resource in RESOURCES.items()}
"""The table of the deleted records of each resource type, by the type's name."""

CHANGED_BY, CHANGED_ROW, CHANGED_UNTOUCHED, CHANGED_TO = (
    "changed_by_run",
    "changed_row",
    "changed_untouched",
    "changed_to",
)
"""What a before-image has in addition to the record: the run that changed it, its row in the source, the written fields
that this row leaves as stored, and the fields that differ after the run with their new values."""


def _before_table(resource: Resource) -> Table:
    return _copy_of(
        resource,
        "before",
        CHANGED_BY,
        Column(CHANGED_ROW, Integer),
        Column(CHANGED_UNTOUCHED, ARRAY(Text)),
        Column(CHANGED_TO, JSONB, nullable=False),
    )


BEFORE: dict[str, Table] = {name: _before_table(resource) for name, resource in RESOURCES.items()}
"""The table of the before-images of each resource type's updated records, by the type's name."""

WRITTEN_FIELDS = Table(
    "written_fields",
    METADATA,
    Column("run_id", Uuid, primary_key=True),
    Column("resource_type", Text, primary_key=True),
    Column("names", ARRAY(Text), nullable=False),
)
"""The fields that a run wrote to the records of which `BEFORE` has its before-images, changed or not."""

IMPORT_RUN = Table(
    "import_run",
    METADATA,
    Column("run_id", Uuid, primary_key=True),
    Column("resource_type", Text),
    Column("source", Text, nullable=False),
    Column("sha256", Text, index=True),
    Column("mode", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("options", JSONB, nullable=False),
    Column("mapping", JSONB),
    Column("notices", JSONB),
    Column("origin", JSONB, comment="how the source was read"),
    Column("parts", JSONB, comment="of a run of several types: what holds for each of them"),
    Column("changes", JSON, comment="the first changes, for the report"),
    Column("samples", JSON, comment="the first records of a dry run, as they would be stored"),
    Column("status", Text, nullable=False),
    Column("outcome", Text, comment="how the run ended; none while it runs"),
    Column("message", Text),
    Column("records_read", BigInteger, nullable=False, server_default="0"),
    Column("records_created", BigInteger, nullable=False, server_default="0"),
    Column("records_updated", BigInteger, nullable=False, server_default="0"),
    Column("records_unchanged", BigInteger, nullable=False, server_default="0"),
    Column("records_deleted", BigInteger, nullable=False, server_default="0"),
    Column("records_retired", BigInteger, nullable=False, server_default="0"),
    Column("records_rejected", BigInteger, nullable=False, server_default="0"),
    Column("warnings", BigInteger, nullable=False, server_default="0"),
    Column("repairs", BigInteger, nullable=False, server_default="0"),
    Column("rules", JSONB, comment="how often each rule was broken, by severity; exact where issues were capped"),
    Column("requested_by", Text),
    Column("undoes", Uuid, index=True, comment="the run that this one takes back"),
    Column("repeats", Uuid, comment="the completed run that imported the same bytes before"),
    Column("applies", Uuid, index=True, comment="the run whose frozen plan this one applies"),
    Column("plan", JSONB, comment="the frozen plan: what is staged for each type, and its hash"),
    Column("plan_until", DateTime(timezone=True), comment="until when the staged rows of the plan are kept"),
    Column("sync", Text, index=True, comment="the sync that this run is one of"),
    Column("source_version", Text, comment="what the source said of its state, such as an ETag"),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("finished_at", DateTime(timezone=True)),
    Column("duration", Double, comment="seconds"),
    Index("import_run_running", "run_id", postgresql_where=text("status = 'running'")),
)

RUN_RETENTION = Table(
    "run_retention",
    METADATA,
    Column("one", Boolean, primary_key=True, server_default="true"),
    Column("deleted_until", DateTime(timezone=True), nullable=False, comment="when the newest deleted run ended"),
)
"""Until when runs were deleted: one row, once any was."""

# The three tables below hold up to millions of rows of a run and have no foreign key to it: checking one costs a
# look-up a row, and they are only ever written by the run and deleted with it.
IMPORT_ISSUE = Table(
    "import_issue",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", Uuid, nullable=False),
    Column("part", Integer, nullable=False, server_default="0", comment="which of the run's types, from 0"),
    Column("row", Integer),
    Column("column", Text),
    Column("field", Text),
    Column("value", Text),
    Column("rule", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("suggestion", Text),
    Index("import_issue_run", "run_id", "row"),
)

REJECTED_ROW = Table(
    "rejected_row",
    METADATA,
    Column("run_id", Uuid, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False, server_default="0"),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("data", JSONB, nullable=False, comment="source column → text, as it was in the source"),
)

CHANGE = Table(
    "change",
    METADATA,
    Column("run_id", Uuid, primary_key=True),
    Column("resource_type", Text, primary_key=True),
    Column("key", Text(collation="C"), primary_key=True),
    Column("row", Integer),
    Column("before", JSONB, nullable=False, comment="the whole record before the run; JSON null where there was none"),
    Column(
        "after", JSONB, nullable=False, comment="the fields that the run wrote; JSON null where it deleted the record"
    ),
    Index("change_record", "resource_type", "key"),
)

CHANGES = Table(
    "all_changes",
    MetaData(),
    *(Column(each.name, each.type) for each in CHANGE.columns),
    Column("of_row", Boolean),
)
"""What runs changed, as `CHANGE` has it: a view of `CHANGE` and of the tables of `GONE` and `BEFORE`.

`of_row` is whether an image is that of a row of `BEFORE`.
"""

SAVED_MAPPING = Table(
    "saved_mapping",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("resource_type", Text, nullable=False),
    Column("columns", JSONB, nullable=False, comment="source column → field"),
    Column("constants", JSONB, nullable=False),
    Column("owner", Text, comment="who saved it first; only they and admin may change it"),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

SYNC_DEFINITION = Table(
    "sync_definition",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("owner", Text, comment="who defined it first; only they and admin may change it"),
    Column("options", JSONB, nullable=False, comment="the address and the options, as the ledger keeps them"),
    Column("changed_by", Text),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

API_KEY = Table(
    "api_key",
    METADATA,
    Column("name", Text, primary_key=True, comment="never used again: runs are owned by the name of their key"),
    Column("sha256", Text, nullable=False, unique=True),
    Column("previous_sha256", Text, comment="the key before the last rotation, while it may still be used"),
    Column("previous_until", DateTime(timezone=True)),
    Column("scope", Text, comment="read, write or admin; none where permissions are listed"),
    Column("permissions", JSONB, comment="action:type,… where no scope is given"),
    Column("addresses", JSONB, nullable=False, comment="the networks it may be used from; any if empty"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("rotated_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True), comment="to the minute"),
    Column("last_used_from", Text),
)

API_SESSION = Table(
    "api_session",
    METADATA,
    Column("sha256", Text, primary_key=True, comment="of the session's id, which only the browser has"),
    Column("key_sha256", Text, nullable=False, comment="of the key that opened it: it ends when that is not valid"),
    Column("opened_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now(), comment="to the minute"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

AUDIT_LOG = Table(
    "audit_log",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", Text, comment="the name of a key or of a user of the command line; none where not known"),
    Column("session", Text, comment="the beginning of the hash of the session's id"),
    Column("address", Text, comment="where the request came from"),
    Column("what", Text, nullable=False),
    Column("target", Text, comment="the run, the key, the file … that it concerns"),
    Column("result", Text, nullable=False, comment="done, refused or failed"),
    Column("detail", JSONB, nullable=False),
    Column("previous", Text, nullable=False, comment="the hash of the entry before"),
    Column("hash", Text, nullable=False, comment="SHA-256 over the previous hash and the entry"),
    Index("audit_log_at", "at"),
)
"""The access log; a trigger refuses changes, and deletions but for those of the retention."""

AUDIT_HEAD = Table(
    "audit_head",
    METADATA,
    Column("one", Boolean, primary_key=True, server_default="true"),
    Column("number", BigInteger, nullable=False, server_default="0"),
    Column("hash", Text, nullable=False, server_default=""),
)
"""The last entry of the access log: one row, which is locked while entries are added."""


ROW_NUMBER, SEEN_AT = "row_number", "seen_at"
"""Columns of a staging table in addition to those of its type: the row of the source, and when the record that it was
exported from had been changed last."""


FIRST_REFERRED = 2_000_000_000
"""Staged records that no row of the source holds, only references of other rows, are numbered from here on."""


UNTOUCHED_FIELDS = "untouched_fields"
"""The column of a staging table that names the fields which a row leaves as they are stored, where any row does."""


KNOWN_AS = "known_as"
"""The column of a staging table that has the key under which a record is stored that its source calls otherwise now."""

NOTES = (ROW_NUMBER, SEEN_AT, UNTOUCHED_FIELDS, KNOWN_AS)
"""The columns of a staging table that fill no field."""


def has_lasting_ids(resource: Resource, fields: Collection[str]) -> bool:
    """Say whether an import knows records by the ids of their source, and not by their keys alone."""
    return SOURCE_ID in fields and isinstance(column_type(resource, resource.key_column), Text)


FOLLOWING = tuple(
    name
    for name, resource in RESOURCES.items()
    if any(has_lasting_ids(RESOURCES[to], RESOURCES[to].fields) for to in resource.related)
)
"""The types whose records refer to some that may get another key, and follow them."""


def staging_table(
    name: str, resource: Resource, fields: tuple[str, ...], *, seen: bool = False, untouched: bool = False
) -> Table:
    """Return the staging table of one run: the row number and the columns that the import fills."""
    seen_at = [Column(SEEN_AT, DateTime(timezone=True))] if seen else []
    left: list[Column[Any]] = [Column(UNTOUCHED_FIELDS, ARRAY(Text))] if untouched else []
    known = [Column(KNOWN_AS, Text(collation="C"))] if has_lasting_ids(resource, fields) else []
    return Table(
        name,
        MetaData(),
        Column(ROW_NUMBER, Integer, nullable=False),
        *seen_at,
        *left,
        *known,
        *(Column(column, column_type(resource, column)) for column in staged_columns(resource, fields)),
        schema=STAGING_SCHEMA,
        prefixes=["UNLOGGED"],
    )


def staged_columns(resource: Resource, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the stored columns that an import of these fields fills, in the order of the table."""
    return tuple(name for name in resource.stored if name in fields or name == NATURAL_KEY)
