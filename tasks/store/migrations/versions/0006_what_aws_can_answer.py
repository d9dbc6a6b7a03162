"""what AWS can answer: addresses that are not public, endpoints of other services, and whose gateway is shared."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INET

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NEW: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
    "elastic_ip": {"carrier_ip": INET(), "customer_owned_ip": INET()},
    "vpc_endpoint": {
        "service_region": sa.Text(),
        "resource_configuration_arn": sa.Text(),
        "service_network_arn": sa.Text(),
    },
    "transit_gateway_attachment": {"transit_gateway_owner_id": sa.Text()},
}
"""The new columns of each type's table, and of the table of its deleted records."""
OPTIONAL = {"elastic_ip": "public_ip", "vpc_endpoint": "service_name"}
"""The columns that may be empty from here on."""


def upgrade() -> None:
    """Apply the change."""
    for table, columns in NEW.items():
        for name, kind in columns.items():
            for each in (table, f"{table}_gone"):
                op.add_column(each, sa.Column(name, kind))
    for table, name in OPTIONAL.items():
        for each in (table, f"{table}_gone"):
            op.alter_column(each, name, nullable=True)


def downgrade() -> None:
    """Take the change back; records without what was required before go with it."""
    for table, name in OPTIONAL.items():
        for each in (table, f"{table}_gone"):
            op.execute(f'delete from "{each}" where {name} is null')  # noqa: S608  # names of ours
            op.alter_column(each, name, nullable=False)
    for table, columns in NEW.items():
        for name in columns:
            for each in (table, f"{table}_gone"):
                op.drop_column(each, name)
