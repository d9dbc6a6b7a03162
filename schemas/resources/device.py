"""Device: a router, switch, firewall or server.

Source: NetBox, dcim.Device.
"""

from __future__ import annotations

from schemas import fields as f
from schemas.resource import Record, Resource
from schemas.rules import Reference


class Device(Record):
    """A router, switch, firewall or server."""

    name: str = f.text("Name", longest=64, required=True, example="fra-core-1", aliases=("device", "hostname"))
    site: str = f.text("Site", longest=255, example="Frankfurt 1")
    role: str = f.text("Role", longest=100, example="core router", aliases=("device role",))
    manufacturer: str = f.text("Manufacturer", longest=100, example="Juniper", aliases=("vendor",))
    model: str = f.text("Model", longest=100, example="MX204", aliases=("device type", "type"))
    serial: str = f.text("Serial number", longest=50, example="BR1234567890", aliases=("serial",))
    status: str = f.enum(
        "Status",
        *("offline", "active", "planned", "staged", "failed", "inventory", "decommissioning"),
        example="active",
        aliases=("state",),
    )
    primary_ip: str = f.address("Primary IP", example="192.0.2.10", aliases=("ip", "ip address", "management ip"))


DEVICE = Resource("device", "Device", Device, key=("name",), set_rules=(Reference("site", "site"),))
