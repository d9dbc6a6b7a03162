"""several types, plans and syncs: what a run holds of each of its types, of its frozen plan, and of its sync."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEYS = {
    "asn": "asn",
    "circuit": "natural_key",
    "device": "name",
    "elastic_ip": "allocation_id",
    "prefix": "natural_key",
    "site": "name",
    "vlan": "natural_key",
    "vrf": "natural_key",
}
"""The columns of the natural keys that are not called after their table."""
TIME = sa.DateTime(timezone=True)
TABLES = (
    "vpc",
    "subnet",
    "transit_gateway",
    "transit_gateway_route_table",
    "customer_gateway",
    "vpc_endpoint",
    "vpn_gateway",
    "vpn_connection",
    "transit_gateway_attachment",
    "vpc_peering",
    "internet_gateway",
    "elastic_ip",
    "nat_gateway",
    "route_table",
    "security_group",
    "site",
    "vrf",
    "vlan",
    "prefix",
    "asn",
    "device",
    "circuit",
)
"""The resource types at the time of this revision."""


def upgrade() -> None:
    """Apply the change."""
    for table in TABLES:
        op.add_column(table, sa.Column("retired_at", TIME))
    for column in (
        sa.Column("parts", JSONB(), comment="of a run of several types: what holds for each of them"),
        sa.Column("records_retired", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("applies", sa.Uuid(), comment="the run whose frozen plan this one applies"),
        sa.Column("plan", JSONB(), comment="the frozen plan: what is staged for each type, and its hash"),
        sa.Column("plan_until", TIME, comment="until when the staged rows of the plan are kept"),
        sa.Column("sync", sa.Text(), comment="the sync that this run is one of"),
        sa.Column("source_version", sa.Text(), comment="what the source said of its state, such as an ETag"),
    ):
        op.add_column("import_run", column)
    op.create_index(op.f("ix_import_run_applies"), "import_run", ["applies"])
    op.create_index(op.f("ix_import_run_sync"), "import_run", ["sync"])
    part = "which of the run's types, from 0"
    op.add_column("import_issue", sa.Column("part", sa.Integer(), server_default="0", nullable=False, comment=part))
    op.add_column("rejected_row", sa.Column("part", sa.Integer(), server_default="0", nullable=False))
    op.drop_constraint("rejected_row_pkey", "rejected_row")
    op.create_primary_key("rejected_row_pkey", "rejected_row", ["run_id", "part", "row"])
    op.drop_constraint("change_pkey", "change")
    op.create_primary_key("change_pkey", "change", ["run_id", "resource_type", "key"])
    for table in TABLES:
        key = KEYS.get(table, f"{table}_id")
        found_by = f"cast({key} as text)" if table == "asn" else key
        op.execute(f'create table "{table}_gone" (like "{table}")')
        op.add_column(f"{table}_gone", sa.Column("gone_by_run", sa.Uuid(), nullable=False))
        op.execute(f'create index "{table}_gone_key" on "{table}_gone" (({found_by}))')
        op.create_index(f"{table}_gone_run", f"{table}_gone", ["gone_by_run"])


def downgrade() -> None:
    """Take the change back."""
    op.execute("drop view if exists all_changes")
    for table in TABLES:
        op.drop_table(f"{table}_gone")
    op.drop_constraint("change_pkey", "change")
    op.create_primary_key("change_pkey", "change", ["run_id", "key"])
    op.drop_constraint("rejected_row_pkey", "rejected_row")
    op.create_primary_key("rejected_row_pkey", "rejected_row", ["run_id", "row"])
    op.drop_column("rejected_row", "part")
    op.drop_column("import_issue", "part")
    op.drop_index(op.f("ix_import_run_sync"), table_name="import_run")
    op.drop_index(op.f("ix_import_run_applies"), table_name="import_run")
    for name in ("source_version", "sync", "plan_until", "plan", "applies", "records_retired", "parts"):
        op.drop_column("import_run", name)
    for table in TABLES:
        op.drop_column(table, "retired_at")
