"""Device: a router, switch, firewall or server.

Source: NetBox, dcim.Device, which keeps names unique within a site and a tenant, and allows devices without a name.
"""

from __future__ import annotations

from schemas.model import citations, kinds
from schemas.model import fields as f
from schemas.model.resource import SOURCE_ID, Resource, SourcedRecord
from schemas.model.rules import Reference


class Device(SourcedRecord):
    """A router, switch, firewall or server."""

    name: str = f.text(
        "Name",
        kind=kinds.DEVICE_NAME,
        longest=255,
        example="fra-core-1",
        aliases=("device", "device name", "hostname", "host"),
        description="A device without a name is known by its ID in its source.",
    )
    site: str = f.text(
        "Site", longest=255, example="Frankfurt 1", aliases=("site name", "location"), description="The site's name."
    )
    tenant: str = f.text(
        "Tenant", longest=255, example="Example GmbH", aliases=("tenant name",), description="Whose device it is."
    )
    role: str = f.text("Role", longest=255, example="core router", aliases=("device role", "function"))
    manufacturer: str = f.text(
        "Manufacturer", longest=255, example="Juniper", aliases=("vendor", "make", "device type manufacturer")
    )
    model: str = f.text(
        "Model", longest=255, example="MX204", aliases=("device type", "type", "hardware model", "device type model")
    )
    serial: str = f.text("Serial number", longest=255, example="BR1234567890", aliases=("serial no", "sn"))
    status: str = f.enum(
        "Status",
        *("offline", "active", "planned", "staged", "failed", "inventory", "decommissioning"),
        example="active",
        aliases=("state",),
    )
    primary_ip: str = f.address(
        "Primary IP",
        example="192.0.2.10",
        aliases=(
            *("ip", "ip address", "primary ip4", "primary ipv4", "primary ip address", "management ip", "mgmt ip"),
            *("primary ip4 address", "primary ip4 host"),
        ),
    )


DEVICE = Resource(
    "device",
    "Device",
    Device,
    key=("site", "tenant", "name", SOURCE_ID),
    first_of=("name", SOURCE_ID),
    omitted=("tenant",),
    open_key=("site", "tenant"),
    set_rules=(Reference("site", "site", source=citations.netbox("dcim/device")),),
    source=citations.netbox("dcim/device"),
)
