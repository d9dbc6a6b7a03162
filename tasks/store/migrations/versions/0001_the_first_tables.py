"""the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "asn",
        sa.Column("asn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("rir", sa.Text(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("asn"),
    )
    op.create_table(
        "change",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column(
            "before", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the whole record before the run"
        ),
        sa.Column(
            "after", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the fields that the run wrote"
        ),
        sa.PrimaryKeyConstraint("run_id", "key"),
    )
    op.create_index("change_record", "change", ["resource_type", "key"], unique=False)
    op.create_table(
        "customer_gateway",
        sa.Column("customer_gateway_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("ip_address", postgresql.INET(), nullable=True),
        sa.Column("certificate_arn", sa.Text(), nullable=True),
        sa.Column("bgp_asn", sa.BigInteger(), nullable=False),
        sa.Column("device_name", sa.Text(), nullable=True),
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
        sa.PrimaryKeyConstraint("customer_gateway_id"),
    )
    op.create_table(
        "device",
        sa.Column("name", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("manufacturer", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("primary_ip", postgresql.INET(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "import_issue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("column", sa.Text(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("suggestion", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("import_issue_run", "import_issue", ["run_id", "row"], unique=False)
    op.create_table(
        "import_run",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("notices", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("origin", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="how the source was read"),
        sa.Column("changes", sa.JSON(), nullable=True, comment="the first changes, for the report"),
        sa.Column(
            "samples", sa.JSON(), nullable=True, comment="the first records of a dry run, as they would be stored"
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("records_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("records_created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("records_updated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("records_unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("records_rejected", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("warnings", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("repairs", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "rules",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="how often each rule was broken, by severity; exact where issues were capped",
        ),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("repeats", sa.Uuid(), nullable=True, comment="the completed run that imported the same bytes before"),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True, comment="seconds"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index(op.f("ix_import_run_sha256"), "import_run", ["sha256"], unique=False)
    op.create_table(
        "prefix",
        sa.Column("natural_key", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("vrf", sa.Text(), nullable=True),
        sa.Column("prefix", postgresql.CIDR(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("vlan", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("is_pool", sa.Boolean(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("natural_key"),
    )
    op.create_table(
        "rejected_row",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="source column → text, as it was in the source",
        ),
        sa.PrimaryKeyConstraint("run_id", "row"),
    )
    op.create_table(
        "saved_mapping",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="source column → field"),
        sa.Column("constants", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "site",
        sa.Column("name", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("slug", sa.Text(), nullable=True),
        sa.Column("facility", sa.Text(), nullable=True),
        sa.Column("region_name", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "subnet",
        sa.Column("subnet_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("vpc_id", sa.Text(), nullable=False),
        sa.Column("cidr_block", postgresql.CIDR(), nullable=True),
        sa.Column("ipv6_cidr_block", postgresql.CIDR(), nullable=True),
        sa.Column("availability_zone", sa.Text(), nullable=False),
        sa.Column("availability_zone_id", sa.Text(), nullable=True),
        sa.Column("map_public_ip_on_launch", sa.Boolean(), nullable=True),
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
        sa.PrimaryKeyConstraint("subnet_id"),
    )
    op.create_table(
        "transit_gateway",
        sa.Column("transit_gateway_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("amazon_side_asn", sa.BigInteger(), nullable=True),
        sa.Column("cidr_blocks", postgresql.ARRAY(postgresql.CIDR()), nullable=True),
        sa.Column("auto_accept_shared_attachments", sa.Boolean(), nullable=True),
        sa.Column("default_route_table_association", sa.Boolean(), nullable=True),
        sa.Column("default_route_table_propagation", sa.Boolean(), nullable=True),
        sa.Column("dns_support", sa.Boolean(), nullable=True),
        sa.Column("vpn_ecmp_support", sa.Boolean(), nullable=True),
        sa.Column("multicast_support", sa.Boolean(), nullable=True),
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
        sa.PrimaryKeyConstraint("transit_gateway_id"),
    )
    op.create_table(
        "transit_gateway_attachment",
        sa.Column("transit_gateway_attachment_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("transit_gateway_id", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("subnet_ids", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("association_route_table_id", sa.Text(), nullable=True),
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
        sa.PrimaryKeyConstraint("transit_gateway_attachment_id"),
    )
    op.create_table(
        "vlan",
        sa.Column("natural_key", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("vid", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("natural_key"),
    )
    op.create_table(
        "vpc",
        sa.Column("vpc_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("cidr_block", postgresql.CIDR(), nullable=False),
        sa.Column("secondary_cidr_blocks", postgresql.ARRAY(postgresql.CIDR()), nullable=True),
        sa.Column("ipv6_cidr_blocks", postgresql.ARRAY(postgresql.CIDR()), nullable=True),
        sa.Column("dhcp_options_id", sa.Text(), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=True),
        sa.Column("instance_tenancy", sa.Text(), nullable=True),
        sa.Column("enable_dns_support", sa.Boolean(), nullable=True),
        sa.Column("enable_dns_hostnames", sa.Boolean(), nullable=True),
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
        sa.PrimaryKeyConstraint("vpc_id"),
    )
    op.create_table(
        "vpc_endpoint",
        sa.Column("vpc_endpoint_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("vpc_id", sa.Text(), nullable=False),
        sa.Column("service_name", sa.Text(), nullable=False),
        sa.Column("endpoint_type", sa.Text(), nullable=False),
        sa.Column("route_table_ids", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("subnet_ids", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("security_group_ids", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("private_dns_enabled", sa.Boolean(), nullable=True),
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
        sa.PrimaryKeyConstraint("vpc_endpoint_id"),
    )
    op.create_table(
        "vpn_connection",
        sa.Column("vpn_connection_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("customer_gateway_id", sa.Text(), nullable=False),
        sa.Column("vpn_gateway_id", sa.Text(), nullable=True),
        sa.Column("transit_gateway_id", sa.Text(), nullable=True),
        sa.Column("static_routes_only", sa.Boolean(), nullable=True),
        sa.Column("local_ipv4_network_cidr", postgresql.CIDR(), nullable=True),
        sa.Column("remote_ipv4_network_cidr", postgresql.CIDR(), nullable=True),
        sa.Column("tunnels", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
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
        sa.PrimaryKeyConstraint("vpn_connection_id"),
    )
    op.create_table(
        "vpn_gateway",
        sa.Column("vpn_gateway_id", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("amazon_side_asn", sa.BigInteger(), nullable=True),
        sa.Column("vpc_id", sa.Text(), nullable=True),
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
        sa.PrimaryKeyConstraint("vpn_gateway_id"),
    )
    op.create_table(
        "vrf",
        sa.Column("natural_key", sa.Text(collation="C"), autoincrement=False, nullable=False),
        sa.Column("rd", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("enforce_unique", sa.Boolean(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by_run", sa.Uuid(), nullable=True),
        sa.Column("updated_by_run", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("natural_key"),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("vrf")
    op.drop_table("vpn_gateway")
    op.drop_table("vpn_connection")
    op.drop_table("vpc_endpoint")
    op.drop_table("vpc")
    op.drop_table("vlan")
    op.drop_table("transit_gateway_attachment")
    op.drop_table("transit_gateway")
    op.drop_table("subnet")
    op.drop_table("site")
    op.drop_table("saved_mapping")
    op.drop_table("rejected_row")
    op.drop_table("prefix")
    op.drop_index(op.f("ix_import_run_sha256"), table_name="import_run")
    op.drop_table("import_run")
    op.drop_index("import_issue_run", table_name="import_issue")
    op.drop_table("import_issue")
    op.drop_table("device")
    op.drop_table("customer_gateway")
    op.drop_index("change_record", table_name="change")
    op.drop_table("change")
    op.drop_table("asn")
