"""Transit gateway route table: where a transit gateway sends what comes from the attachments associated with it.

Source: EC2 API, TransitGatewayRouteTable; Transit Gateways guide (one default table each for association and
propagation).
"""

from __future__ import annotations

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Reference, Unique


class TransitGatewayRouteTable(AwsRecord):
    """Where a transit gateway sends what comes from the attachments associated with it."""

    transit_gateway_route_table_id: str = f.aws_id(
        "tgw-rtb",
        "Transit gateway route table ID",
        required=True,
        aliases=("tgw route table id", "tgw rtb id", "tgw rtb", "route table id", "id"),
        aws="TransitGatewayRouteTableId",
    )
    transit_gateway_id: str = f.aws_id(
        "tgw", "Transit gateway ID", required=True, aliases=("tgw id", "tgw", "transit gateway"), aws="TransitGatewayId"
    )
    default_association: bool = f.boolean(
        "Default association",
        aliases=("default association route table",),
        aws="DefaultAssociationRouteTable",
        description="Whether new attachments are associated with this table.",
    )
    default_propagation: bool = f.boolean(
        "Default propagation",
        aliases=("default propagation route table",),
        aws="DefaultPropagationRouteTable",
        description="Whether new attachments propagate their routes to this table.",
    )
    state: str = f.enum(
        "State",
        *("pending", "available", "deleting", "deleted"),
        aliases=("status",),
        example="available",
        aws="State",
    )


TRANSIT_GATEWAY_ROUTE_TABLE = Resource(
    "transitGatewayRouteTable",
    "Transit gateway route table",
    TransitGatewayRouteTable,
    key=("transit_gateway_route_table_id",),
    aliases=("tgw route table", "tgw rtb"),
    document=Document("TransitGatewayRouteTables", never=("account_id", "description")),
    set_rules=(
        Reference("transit_gateway_id", "transitGateway", source=citations.api("TransitGatewayRouteTable")),
        Unique("default_association", ("transit_gateway_id",), only=True, source=citations.TRANSIT_GATEWAYS),
        Unique("default_propagation", ("transit_gateway_id",), only=True, source=citations.TRANSIT_GATEWAYS),
    ),
    source=citations.api("TransitGatewayRouteTable"),
)
