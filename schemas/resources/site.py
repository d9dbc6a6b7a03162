"""Site: a place where equipment stands.

Source: NetBox, dcim.Site.
"""

from __future__ import annotations

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.resource import Resource, SourcedRecord


class Site(SourcedRecord):
    """A place where equipment stands."""

    name: str = f.text("Name", longest=255, required=True, example="Frankfurt 1", aliases=("site", "site name"))
    slug: str = f.text(
        "Slug",
        longest=100,
        matches=r"^[-a-zA-Z0-9_]+$",
        says="is not a slug: letters, digits, - and _ only",
        example="fra-1",
        description="The name as it stands in addresses of web pages.",
    )
    facility: str = f.text(
        "Facility", longest=255, example="Equinix FR5", aliases=("facility code", "data centre", "data center")
    )
    region_name: str = f.text(
        "Region",
        longest=255,
        example="Germany",
        aliases=("parent",),
        description="The part of the world that the site is in.",
    )
    time_zone: str = f.text(
        "Time zone",
        matches=r"^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
        says="is not a time zone such as Europe/Berlin",
        example="Europe/Berlin",
        aliases=("timezone", "tz"),
    )
    latitude: float = f.number("Latitude", least=-90, most=90, example="50.1192", aliases=("lat",))
    longitude: float = f.number("Longitude", least=-180, most=180, example="8.7355", aliases=("lon", "lng", "long"))


SITE = Resource("site", "Site", Site, key=("name",), names=("slug",), source=citations.netbox("dcim/site"))
