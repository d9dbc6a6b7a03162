"""keys, sessions, owners of mappings and syncs, and the access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")

# Deleting the oldest entries is let through for the transaction that says so: the retention, which leaves an entry.
_APPEND_ONLY = """
create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
  if tg_op <> 'UPDATE' and coalesce(current_setting('cmdb.audit_retention', true), '') = 'on' then
    return old;
  end if;
  raise exception 'the access log is append-only' using errcode = 'insufficient_privilege';
end $$
"""

_TRIGGERS = (
    """create trigger audit_log_rows before update or delete on audit_log
       for each row execute function audit_log_is_append_only()""",
    """create trigger audit_log_whole before truncate on audit_log
       for each statement execute function audit_log_is_append_only()""",
)

# The first who asked for a sync owns it; what they asked for last is its definition.
_SYNCS = """
insert into sync_definition (name, owner, options, changed_by, changed_at)
select distinct on (run.sync) run.sync, first.owner, run.options - 'always' - 'dry_run', first.owner, run.started_at
  from import_run run
  join (select distinct on (sync) sync, requested_by as owner from import_run
         where sync is not null and not dry_run and applies is null order by sync, started_at) first
    on first.sync = run.sync and run.requested_by is not distinct from first.owner
 where not run.dry_run and run.applies is null and run.options ? 'url'
 order by run.sync, run.started_at desc
"""


def upgrade() -> None:
    """Apply the change."""
    op.add_column(
        "saved_mapping", sa.Column("owner", sa.Text(), comment="who saved it first; only they and admin may change it")
    )
    op.create_table(
        "sync_definition",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("owner", sa.Text(), comment="who defined it first; only they and admin may change it"),
        sa.Column("options", JSONB(), nullable=False, comment="the address and the options, as the ledger keeps them"),
        sa.Column("changed_by", sa.Text()),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
    )
    op.execute(_SYNCS)
    _create_keys()
    _create_audit()


def _create_keys() -> None:
    op.create_table(
        "api_key",
        sa.Column(
            "name", sa.Text(), primary_key=True, comment="never used again: runs are owned by the name of their key"
        ),
        sa.Column("sha256", sa.Text(), nullable=False, unique=True),
        sa.Column("previous_sha256", sa.Text(), comment="the key before the last rotation, while it may still be used"),
        sa.Column("previous_until", sa.DateTime(timezone=True)),
        sa.Column("scope", sa.Text(), comment="read, write or admin; none where permissions are listed"),
        sa.Column("permissions", JSONB(), comment="action:type,… where no scope is given"),
        sa.Column("addresses", JSONB(), nullable=False, comment="the networks it may be used from; any if empty"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("rotated_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True), comment="to the minute"),
        sa.Column("last_used_from", sa.Text()),
    )
    op.create_table(
        "api_session",
        sa.Column("sha256", sa.Text(), primary_key=True, comment="of the session's id, which only the browser has"),
        sa.Column(
            "key_sha256", sa.Text(), nullable=False, comment="of the key that opened it: it ends when that is not valid"
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False, comment="to the minute"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), comment="the name of a key or of a user of the command line; none where not known"),
        sa.Column("session", sa.Text(), comment="the beginning of the hash of the session's id"),
        sa.Column("address", sa.Text(), comment="where the request came from"),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), comment="the run, the key, the file … that it concerns"),
        sa.Column("result", sa.Text(), nullable=False, comment="done, refused or failed"),
        sa.Column("detail", JSONB(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False, comment="the hash of the entry before"),
        sa.Column("hash", sa.Text(), nullable=False, comment="SHA-256 over the previous hash and the entry"),
    )
    op.create_index("audit_log_at", "audit_log", ["at"])
    op.create_table(
        "audit_head",
        sa.Column("one", sa.Boolean(), server_default="true", primary_key=True),
        sa.Column("number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hash", sa.Text(), server_default="", nullable=False),
    )
    op.execute(_APPEND_ONLY)
    for trigger in _TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """Take the change back; keys, sessions, owners and the access log are lost."""
    for table in ("audit_log", "audit_head", "api_session", "api_key", "sync_definition"):
        op.drop_table(table)
    op.execute("drop function audit_log_is_append_only()")
    op.drop_column("saved_mapping", "owner")
