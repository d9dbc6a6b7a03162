"""Which type a record or a page of the REST API of NetBox or Nautobot is of."""

from __future__ import annotations

import re
from typing import Any

from schemas.errors import UnknownType
from schemas.language.remedies import option
from schemas.model.resource import Resource
from schemas.resources import find_resource
from tasks.formats.netbox.members import Json
from tasks.formats.netbox.shapes import ENDPOINTS, MODELS, SHAPES, Shape


def endpoint_of(address: Any) -> str | None:
    """Return the endpoint in the URL of a record or of a page, such as `dcim/sites`."""
    found = _ENDPOINT.search(address) if isinstance(address, str) and len(address) <= _LONGEST_URL else None
    return found[1] if found else None


_LONGEST_URL = 2_000
_APPLICATIONS = "circuits|cloud|core|dcim|extras|ipam|plugins/[a-z][\\w-]*|tenancy|users|virtualization|vpn|wireless"
_ENDPOINT = re.compile(rf"/api/((?:{_APPLICATIONS})/[a-z][\w-]*)/(?:[0-9a-fA-F-]+/)?(?:\?.*)?$")

PAGING = ("count", "next", "previous")
"""The members of a page that say where it stands in its list."""


def is_page(outline: Json) -> bool:
    """Say whether an object is a page of a list: `{"count": …, "next": …, "previous": …, "results": […]}`."""
    if not {"results", "next", "count"} <= outline.keys():
        return False
    # NetBox 4.6 does not count where it pages by a cursor.
    return type(outline["count"]) is int or (outline["count"] is None and isinstance(outline["next"], str))


def is_record(record: Json) -> bool:
    """Say whether an object is a record of the REST API by itself: it has its URL there."""
    return endpoint_of(record.get("url")) is not None and ("display" in record or "id" in record)


def recognised_shape(name: str, record: Json, key: str | None, page: Json, resource: Resource | None) -> Shape | None:
    """Return the shape of a list of records by its first one, the page that it stands in and the list's name.

    None where they are none of NetBox or Nautobot. Raises UnknownType where they are, and of no type that is known
    here, or of another than `resource`, the one that was given.
    """
    if declared := _declared_kind(record, page):
        return _declared_shape(name, declared, record, resource)
    if not (is_page(page) or _is_related(record)):
        return None
    expected = resource or (find_resource(key) if key else None)
    if expected:
        shape = SHAPES.get(expected.type)
        return shape if shape and shape.marks <= record.keys() else None
    fitting = [shape for shape in SHAPES.values() if shape.marks <= record.keys() and shape.either & record.keys()]
    if len(fitting) != 1 and {"id", "name", "slug"} <= record.keys():  # as any of their types has them
        raise UnknownType(
            f"The records of {name} are of NetBox or Nautobot, and do not say of which type: "
            f"give {option('resource_type')}."
        )
    return fitting[0] if len(fitting) == 1 else None


def _declared_shape(name: str, declared: str, record: Json, resource: Resource | None) -> Shape | None:
    shape = _shape_of_kind(record, declared)
    if resource and shape and shape.type != resource.type:
        raise UnknownType(f"{name} holds {declared} of NetBox or Nautobot: give {option('resource_type', shape.type)}.")
    if resource:
        return SHAPES.get(resource.type)
    if shape is None:
        known = ", ".join(SHAPES)
        raise UnknownType(f"{name} holds {declared} of NetBox or Nautobot, which is none of the types known: {known}.")
    return shape


def _declared_kind(record: Json, page: Json) -> str | None:
    """Return what a record is by its own words or those of its page: an endpoint, or a model of Nautobot."""
    own = endpoint_of(record.get("url")) if is_record(record) else None
    around = (endpoint_of(page.get(name)) for name in ("next", "previous")) if is_page(page) else ()
    found = own or next(filter(None, around), None)
    model = record.get("object_type") or record.get("content_type")
    return found or (model if isinstance(model, str) and model in MODELS else None)


def _shape_of_kind(record: Json, kind: str) -> Shape | None:
    shape = ENDPOINTS.get(kind) or MODELS.get(kind)
    is_part_of_a_site = "locations" in kind.rpartition("/")[2] and "location_type" not in record
    return None if is_part_of_a_site or ("site" in record and shape is SHAPES["site"]) else shape


def _is_related(record: Json) -> bool:
    """Say whether a record has related objects or choices as these APIs write them."""
    for name, value in record.items():
        if isinstance(value, dict):
            if value.keys() == {"value", "label"} or ("id" in value and value.keys() & {"name", "display", "url"}):
                return True
            if name == "custom_fields" and "tags" in record:
                return True
    return False


def system_of(address: Any) -> str | None:
    """Return the system in the URL of a record or of a page: its host, and the path before that of its API."""
    found = _SYSTEM.match(address) if isinstance(address, str) and endpoint_of(address) else None
    return found[1] if found else None


_SYSTEM = re.compile(r"https?://(?:[^/@]*@)?([^?#]+?)/api/")
