"""Internet gateway: connects one VPC to the internet.

Source: EC2 API, InternetGateway and AttachInternetGateway.
"""

from __future__ import annotations

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Reference, Unique


class InternetGateway(AwsRecord):
    """Connects one VPC to the internet."""

    internet_gateway_id: str = f.aws_id(
        "igw", "Internet gateway ID", required=True, aliases=("igw id", "igw", "id"), aws="InternetGatewayId"
    )
    vpc_id: str = f.aws_id(
        "vpc",
        "VPC ID",
        aliases=("vpc", "attached vpc", "attached vpc id"),
        aws="Attachments[?State!='detached'].VpcId | [0]",
        description="The VPC that it is attached to: one at most.",
    )


INTERNET_GATEWAY = Resource(
    "internetGateway",
    "Internet gateway",
    InternetGateway,
    key=("internet_gateway_id",),
    aliases=("igw",),
    document=Document("InternetGateways", never=("description",)),
    # AWS attaches one to a VPC; the one before it may be recorded still.
    set_rules=(
        Reference("vpc_id", "vpc", source=citations.api("InternetGatewayAttachment")),
        Unique("vpc_id", severity=Severity.WARNING, source=citations.INTERNET_GATEWAYS),
    ),
    source=citations.api("InternetGateway"),
)
