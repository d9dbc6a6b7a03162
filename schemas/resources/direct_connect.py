"""Direct Connect connection: a port at a location of AWS Direct Connect, or a partner's share of one.

Source: Direct Connect API, Connection. Its records say their region and owner, and their members begin in lower case.
"""

from __future__ import annotations

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document, Terraform
from schemas.model.resource import AwsRecord, Resource


class DirectConnect(AwsRecord):
    """A connection from a network to AWS at a location of AWS Direct Connect."""

    connection_id: str = f.code(
        "Connection ID",
        matches=r"^dxcon-[0-9a-z]{8,17}$",
        says="is not the ID of a connection: write 'dxcon-' and then 8 to 17 of 0-9 and a-z",
        required=True,
        example="dxcon-fg5678gh",
        aliases=("dxcon", "direct connect id", "direct connect connection id", "id"),
        aws="connectionId",
    )
    name: str = f.text("Name", longest=256, example="fra-1-primary", aliases=("connection name",), aws="connectionName")
    tags: str = f.aws_tags("Tags", example="Owner=network,Project=core", aws="tags")
    account_id: str = f.account(
        "Account ID", example="012345678901", aliases=("account", "owner id", "aws account"), aws="ownerAccount"
    )
    region: str = f.region("Region", aliases=("aws region", "region code"), aws="region")
    location: str = f.text(
        "Location",
        required=True,
        longest=255,
        example="EqFA5",
        aliases=("location code", "direct connect location"),
        aws="location",
    )
    bandwidth: str = f.text(
        "Bandwidth",
        required=True,
        matches=r"^\d+(\.\d+)?[MGT]bps$",
        says="is not a bandwidth such as 500Mbps or 10Gbps",
        example="10Gbps",
        aliases=("speed", "port speed"),
        aws="bandwidth",
    )
    vlan: int = f.integer("VLAN", least=0, most=4094, example="101", aliases=("vlan id",), aws="vlan", rare=True)
    lag_id: str = f.text("LAG ID", longest=255, example="dxlag-fgabc123", aliases=("lag",), aws="lagId", rare=True)
    partner_name: str = f.text(
        "Partner name", longest=255, example="Example Networks", aliases=("partner",), aws="partnerName", rare=True
    )
    provider_name: str = f.text(
        "Provider name", longest=255, example="Example Telecom", aliases=("provider",), aws="providerName", rare=True
    )
    aws_device: str = f.text(
        "AWS device", longest=255, example="EqFA5-123h49s71dabc", aliases=("device",), aws="awsDeviceV2", rare=True
    )
    jumbo_frame_capable: bool = f.boolean("Jumbo frame capable", aliases=("jumbo frames",), aws="jumboFrameCapable")
    has_logical_redundancy: str = f.enum(
        "Logical redundancy", "unknown", "yes", "no", aliases=("redundancy",), example="yes", aws="hasLogicalRedundancy"
    )
    macsec_capable: bool = f.boolean("MACsec capable", aliases=("macsec",), aws="macSecCapable", rare=True)
    encryption_mode: str = f.text(
        "Encryption mode", longest=255, example="should_encrypt", aws="encryptionMode", rare=True
    )
    state: str = f.enum(
        "State",
        *("ordering", "requested", "pending", "available", "down", "deleting", "deleted", "rejected", "unknown"),
        aliases=("status", "connection state"),
        example="available",
        aws="connectionState",
    )


DIRECT_CONNECT = Resource(
    "directConnect",
    "Direct Connect connection",
    DirectConnect,
    key=("connection_id",),
    aliases=("direct connect", "dxcon"),
    document=Document(
        "connections",
        service="directconnect",
        secrets=("macSecKeys",),
        never=("description",),
        parties=("ownerAccount",),
        marks=("connectionId", "connectionState"),
    ),
    terraform=(
        Terraform(
            "aws_dx_connection",
            {
                "connection_id": "id",
                "name": "name",
                "location": "location",
                "bandwidth": "bandwidth",
                "vlan": "vlan_id",
                "account_id": "owner_account_id",
                "partner_name": "partner_name",
                "provider_name": "provider_name",
                "aws_device": "aws_device",
                "jumbo_frame_capable": "jumbo_frame_capable",
                "has_logical_redundancy": "has_logical_redundancy",
                "macsec_capable": "macsec_capable",
                "encryption_mode": "encryption_mode",
                "state": "state",
            },
        ),
    ),
    source=citations.direct_connect("Connection"),
)
