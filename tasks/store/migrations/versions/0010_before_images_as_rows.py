"""before-images as rows: the records that a run updates are copied to a table of their type, instead of to JSON."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TYPES = {
    "vpc": ("vpc", "vpc_id"),
    "subnet": ("subnet", "subnet_id"),
    "transit_gateway": ("transitGateway", "transit_gateway_id"),
    "transit_gateway_route_table": ("transitGatewayRouteTable", "transit_gateway_route_table_id"),
    "customer_gateway": ("customerGateway", "customer_gateway_id"),
    "vpc_endpoint": ("vpcEndpoint", "vpc_endpoint_id"),
    "vpn_gateway": ("vpnGateway", "vpn_gateway_id"),
    "vpn_connection": ("vpnConnection", "vpn_connection_id"),
    "transit_gateway_attachment": ("transitGatewayAttachment", "transit_gateway_attachment_id"),
    "vpc_peering": ("vpcPeering", "vpc_peering_id"),
    "internet_gateway": ("internetGateway", "internet_gateway_id"),
    "elastic_ip": ("elasticIp", "allocation_id"),
    "nat_gateway": ("natGateway", "nat_gateway_id"),
    "route_table": ("routeTable", "route_table_id"),
    "security_group": ("securityGroup", "security_group_id"),
    "site": ("site", "name"),
    "vrf": ("vrf", "natural_key"),
    "vlan": ("vlan", "natural_key"),
    "prefix": ("prefix", "natural_key"),
    "asn": ("asn", "asn"),
    "device": ("device", "natural_key"),
    "circuit": ("circuit", "natural_key"),
}
"""The table of each resource type at the time of this revision: the type, and the column of its natural key."""

COLUMNS = ("changed_by_run", "changed_row", "changed_untouched", "changed_to")

# The before-images of earlier runs stay in `change`; the version before knows no others.
AS_JSON = """
insert into change (run_id, resource_type, key, row, before, after)
select b.changed_by_run, '{type}', cast(b.{key} as text), b.changed_row, to_jsonb(b) - array[{columns}],
       (select coalesce(jsonb_object_agg(e.key, e.value), '{{}}') from written_fields w, jsonb_each(to_jsonb(b)) e
         where w.run_id = b.changed_by_run and w.resource_type = '{type}' and e.key = any (w.names)
           and e.key <> all (coalesce(b.changed_untouched, '{{}}'))) || b.changed_to
  from {table}_before b"""


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "written_fields",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("names", ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "resource_type", name=op.f("written_fields_pkey")),
    )
    for table, (_, key) in TYPES.items():
        copy = f"{table}_before"
        op.execute(f'create table "{copy}" (like "{table}")')
        op.add_column(copy, sa.Column("changed_by_run", sa.Uuid(), nullable=False))
        op.add_column(copy, sa.Column("changed_row", sa.Integer()))
        op.add_column(copy, sa.Column("changed_untouched", ARRAY(sa.Text())))
        op.add_column(copy, sa.Column("changed_to", JSONB(), nullable=False))
        found_by = f"cast({key} as text)" if table == "asn" else key
        op.execute(f'create index "{copy}_key" on "{copy}" (({found_by}))')
        op.create_index(f"{copy}_run", copy, ["changed_by_run"])


def downgrade() -> None:
    """Reverse the change: the before-images become JSON."""
    op.execute("drop view if exists all_changes")
    columns = ", ".join(f"'{name}'" for name in COLUMNS)
    for table, (kind, key) in TYPES.items():
        op.execute(AS_JSON.format(type=kind, table=table, key=key, columns=columns))
        op.drop_table(f"{table}_before")
    op.drop_table("written_fields")
