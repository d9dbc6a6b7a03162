"""Device: a router, switch, firewall or server.

Source: NetBox, dcim.Device.
"""

from __future__ import annotations

from schemas import fields as f
from schemas.resource import Record, Resource
from schemas.rules import Reference


class Device(Record):
    """A router, switch, firewall or server."""

    name: str = f.text(
        "Name", longest=64, required=True, example="fra-core-1", aliases=("device", "device name", "hostname", "host")
    )
    site: str = f.text(
        "Site", longest=255, example="Frankfurt 1", aliases=("site name",), description="The site's name."
    )
    role: str = f.text("Role", longest=100, example="core router", aliases=("device role", "function"))
    manufacturer: str = f.text("Manufacturer", longest=100, example="Juniper", aliases=("vendor", "make"))
    model: str = f.text("Model", longest=100, example="MX204", aliases=("device type", "type", "hardware model"))
    serial: str = f.text("Serial number", longest=50, example="BR1234567890", aliases=("serial no", "sn"))
    status: str = f.enum(
        "Status",
        *("offline", "active", "planned", "staged", "failed", "inventory", "decommissioning"),
        example="active",
        aliases=("state",),
    )
    primary_ip: str = f.address(
        "Primary IP",
        example="192.0.2.10",
        aliases=("ip", "ip address", "primary ip4", "primary ipv4", "primary ip address", "management ip", "mgmt ip"),
    )


DEVICE = Resource("device", "Device", Device, key=("name",), set_rules=(Reference("site", "site"),))
