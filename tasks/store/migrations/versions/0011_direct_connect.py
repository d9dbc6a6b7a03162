"""Direct Connect: connections and virtual interfaces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEYS = {"direct_connect": "connection_id", "direct_connect_virtual_interface": "virtual_interface_id"}
"""The column of the natural key of each table."""


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "direct_connect",
        sa.Column("connection_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("bandwidth", sa.Text(), nullable=False),
        sa.Column("vlan", sa.BigInteger(), nullable=True),
        sa.Column("lag_id", sa.Text(), nullable=True),
        sa.Column("partner_name", sa.Text(), nullable=True),
        sa.Column("provider_name", sa.Text(), nullable=True),
        sa.Column("aws_device", sa.Text(), nullable=True),
        sa.Column("jumbo_frame_capable", sa.Boolean(), nullable=True),
        sa.Column("has_logical_redundancy", sa.Text(), nullable=True),
        sa.Column("macsec_capable", sa.Boolean(), nullable=True),
        sa.Column("encryption_mode", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("cost_center", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("direct_connect_pkey")),
    )
    op.create_table(
        "direct_connect_gone",
        sa.Column("connection_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("bandwidth", sa.Text(), nullable=False),
        sa.Column("vlan", sa.BigInteger(), nullable=True),
        sa.Column("lag_id", sa.Text(), nullable=True),
        sa.Column("partner_name", sa.Text(), nullable=True),
        sa.Column("provider_name", sa.Text(), nullable=True),
        sa.Column("aws_device", sa.Text(), nullable=True),
        sa.Column("jumbo_frame_capable", sa.Boolean(), nullable=True),
        sa.Column("has_logical_redundancy", sa.Text(), nullable=True),
        sa.Column("macsec_capable", sa.Boolean(), nullable=True),
        sa.Column("encryption_mode", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("cost_center", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_by_run", sa.Uuid(), nullable=False),
    )
    op.create_index("direct_connect_gone_key", "direct_connect_gone", ["connection_id"], unique=False)
    op.create_index("direct_connect_gone_run", "direct_connect_gone", ["gone_by_run"], unique=False)
    op.create_table(
        "direct_connect_virtual_interface",
        sa.Column("virtual_interface_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("connection_id", sa.Text(), nullable=True),
        sa.Column("lag_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("vlan", sa.BigInteger(), nullable=False),
        sa.Column("customer_asn", sa.BigInteger(), nullable=True),
        sa.Column("amazon_side_asn", sa.BigInteger(), nullable=True),
        sa.Column("address_family", sa.Text(), nullable=True),
        sa.Column("amazon_address", sa.Text(), nullable=True),
        sa.Column("customer_address", sa.Text(), nullable=True),
        sa.Column("mtu", sa.BigInteger(), nullable=True),
        sa.Column("virtual_gateway_id", sa.Text(), nullable=True),
        sa.Column("direct_connect_gateway_id", sa.Text(), nullable=True),
        sa.Column("route_filter_prefixes", postgresql.ARRAY(postgresql.CIDR()), nullable=True),
        sa.Column("bgp_peers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("site_link_enabled", sa.Boolean(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("cost_center", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("virtual_interface_id", name=op.f("direct_connect_virtual_interface_pkey")),
    )
    op.create_table(
        "direct_connect_virtual_interface_gone",
        sa.Column("virtual_interface_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("connection_id", sa.Text(), nullable=True),
        sa.Column("lag_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("vlan", sa.BigInteger(), nullable=False),
        sa.Column("customer_asn", sa.BigInteger(), nullable=True),
        sa.Column("amazon_side_asn", sa.BigInteger(), nullable=True),
        sa.Column("address_family", sa.Text(), nullable=True),
        sa.Column("amazon_address", sa.Text(), nullable=True),
        sa.Column("customer_address", sa.Text(), nullable=True),
        sa.Column("mtu", sa.BigInteger(), nullable=True),
        sa.Column("virtual_gateway_id", sa.Text(), nullable=True),
        sa.Column("direct_connect_gateway_id", sa.Text(), nullable=True),
        sa.Column("route_filter_prefixes", postgresql.ARRAY(postgresql.CIDR()), nullable=True),
        sa.Column("bgp_peers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("site_link_enabled", sa.Boolean(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("cost_center", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_by_run", sa.Uuid(), nullable=False),
    )
    op.create_index(
        "direct_connect_virtual_interface_gone_key",
        "direct_connect_virtual_interface_gone",
        ["virtual_interface_id"],
        unique=False,
    )
    op.create_index(
        "direct_connect_virtual_interface_gone_run",
        "direct_connect_virtual_interface_gone",
        ["gone_by_run"],
        unique=False,
    )
    for table, key in KEYS.items():
        copy = f"{table}_before"
        op.execute(f'create table "{copy}" (like "{table}")')
        op.add_column(copy, sa.Column("changed_by_run", sa.Uuid(), nullable=False))
        op.add_column(copy, sa.Column("changed_row", sa.Integer()))
        op.add_column(copy, sa.Column("changed_untouched", postgresql.ARRAY(sa.Text())))
        op.add_column(copy, sa.Column("changed_to", postgresql.JSONB(), nullable=False))
        op.create_index(f"{copy}_key", copy, [key])
        op.create_index(f"{copy}_run", copy, ["changed_by_run"])


def downgrade() -> None:
    """Reverse the change."""
    op.execute("drop view if exists all_changes")
    for table in KEYS:
        op.drop_table(f"{table}_before")
    op.drop_index("direct_connect_virtual_interface_gone_run", table_name="direct_connect_virtual_interface_gone")
    op.drop_index("direct_connect_virtual_interface_gone_key", table_name="direct_connect_virtual_interface_gone")
    op.drop_table("direct_connect_virtual_interface_gone")
    op.drop_table("direct_connect_virtual_interface")
    op.drop_index("direct_connect_gone_run", table_name="direct_connect_gone")
    op.drop_index("direct_connect_gone_key", table_name="direct_connect_gone")
    op.drop_table("direct_connect_gone")
    op.drop_table("direct_connect")
