"""How a resource type declares its fields: one function per sort of field, each returning a pandera field.

Every function takes a title (what a spreadsheet calls the column), and the keywords of `declare`: `required`,
`example`, `aliases` (other header names), `aws` (a JMESPath into a record of the type's AWS document) and
`description`. Checks are pandera's; each has its message next to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandera.polars as pa

from schemas.model import citations, kinds
from schemas.model.kinds.kind import Kind

SPEC = "cmdb"
"""The key of a field's `Spec` in pandera's metadata."""


# Regions that a near miss is compared with (AWS General Reference, 2026); a newer one is accepted all the same.
# fmt: off
REGIONS = (
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1",
    "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2",
    "eu-west-3", "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1", "me-west-1", "mx-central-1",
    "sa-east-1", "sa-west-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
)
# fmt: on


@dataclass(frozen=True)
class Spec:
    """What cmdb knows of a field in addition to pandera's dtype and checks.

    `says` maps the name of a pandera check to (rule, message); the message may hold `{value}`.
    `choices` are the values that a near miss is compared with to make a suggestion. `prefix` is that of an AWS id.
    `source` is the page that the field's own rules rest on, where it is not that of its type. Of a `rare` field most
    records have nothing.
    """

    kind: Kind
    title: str
    required: bool = False
    description: str = ""
    example: str = ""
    aliases: tuple[str, ...] = ()
    aws: str | None = None
    choices: tuple[str, ...] = ()
    prefix: str = ""
    says: dict[str, tuple[str, str]] = field(default_factory=dict)
    source: str = ""
    rare: bool = False


def declare(spec: Spec, **checks: Any) -> Any:
    """Return the pandera field of a spec; `checks` are pandera's own (`str_matches=…`, `ge=…`)."""
    missing = {name for name, value in checks.items() if value is not None} - set(spec.says)
    if missing:
        raise TypeError(f"{spec.title}: no message says what fails in {sorted(missing)}")
    return pa.Field(
        nullable=not spec.required,
        title=spec.title,
        description=spec.description or spec.title,
        metadata={SPEC: spec},
        **checks,
    )


def text(
    title: str,
    *,
    longest: int | None = None,
    matches: str | None = None,
    says: str = "",
    kind: Kind = kinds.TEXT,
    **more: Any,
) -> Any:
    """Free text, of at most `longest` characters, that may have to match a pattern (`says` names the pattern)."""
    messages = {
        "str_length": ("too_long", f"is longer than {longest} characters"),
        "str_matches": ("format", says),
    }
    checks = {"str_length": {"max_value": longest} if longest else None, "str_matches": matches}
    return declare(Spec(kind, title, says=messages, **more), **{k: v for k, v in checks.items() if v})


def code(title: str, *, matches: str, says: str, choices: tuple[str, ...] = (), **more: Any) -> Any:
    """Text that is a code in lower case, such as a region."""
    messages = {"str_matches": ("format", says)}
    return declare(Spec(kinds.CODE, title, says=messages, choices=choices, **more), str_matches=matches)


def aws_id(prefix: str, title: str, **more: Any) -> Any:
    """Return an EC2 id: the prefix and 8 or 17 hexadecimal digits (EC2 User Guide, resource IDs)."""
    says = f"is not a valid {title}: write '{prefix}-' and then 8 or 17 of 0-9 and a-f"
    more.setdefault("example", f"{prefix}-0a1b2c3d4e5f60718")
    spec = Spec(kinds.ID, title, prefix=prefix, says={"str_matches": ("id", says)}, source=citations.IDS, **more)
    return declare(spec, str_matches=rf"^{prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})$")


# Direction words rather than a list: a region that AWS opens tomorrow is accepted, `us-eest-1` is not.
REGION = r"([a-z]{2}(-gov|-iso[a-z]?)?|eusc-[a-z]{2})-(north|south|east|west|central)(east|west)?-[1-9]"
"""What an AWS region code looks like (botocore's partitions.json)."""


def region(title: str, **more: Any) -> Any:
    """Return an AWS region code."""
    return code(
        title,
        matches=rf"^{REGION}$",
        says="is not an AWS region code such as us-east-1",
        choices=REGIONS,
        source=citations.REGIONS,
        example="us-east-1",
        **more,
    )


def account(title: str, **more: Any) -> Any:
    """Return an AWS account id: 12 digits, as text; fewer are padded with zeros, as a repair."""
    return declare(Spec(kinds.ACCOUNT, title, source=citations.ACCOUNTS, **more))


def enum(title: str, *values: str, any_case: bool = False, **more: Any) -> Any:
    """One of the values, in any case; another case than the list's is a repair, but for `any_case`.

    A value that is none of them is kept, with a warning: AWS adds values to its enums, and NetBox's statuses are
    configurable (FIELD_CHOICES).
    """
    more.setdefault("example", values[0])
    return declare(Spec(kinds.enum(values, any_case=any_case), title, choices=values, **more))


def boolean(title: str, **more: Any) -> Any:
    """Yes or no."""
    more.setdefault("example", "true")
    return declare(Spec(kinds.BOOLEAN, title, **more))


def integer(title: str, *, least: int | None = None, most: int | None = None, **more: Any) -> Any:
    """Return a whole number within bounds."""
    says = {"ge": ("range", f"is below {least}"), "le": ("range", f"is above {most}")}
    checks = {"ge": least, "le": most}
    return declare(Spec(kinds.INTEGER, title, says=says, **more), **{k: v for k, v in checks.items() if v is not None})


def number(title: str, *, least: float, most: float, **more: Any) -> Any:
    """Return a decimal number within bounds."""
    says = {"ge": ("range", f"is below {least}"), "le": ("range", f"is above {most}")}
    return declare(Spec(kinds.NUMBER, title, says=says, **more), ge=least, le=most)


def asn(title: str, **more: Any) -> Any:
    """Return an autonomous system number, 1 to 4294967295 (RFC 6793), plain or as asdot (RFC 5396)."""
    says = {
        "ge": ("range", "is below 1, the lowest AS number"),
        "le": ("range", "is above 4294967295, the highest AS number"),
    }
    more.setdefault("example", "65001")
    return declare(Spec(kinds.ASN, title, says=says, source=citations.rfc(6793), **more), ge=1, le=4_294_967_295)


def lengths(shortest: int, longest: int) -> str:
    """Return a pattern of prefix lengths, both ends included."""
    return "|".join(str(length) for length in range(shortest, longest + 1))


def block(
    title: str, *, ipv4: tuple[int, int] | None = (0, 32), ipv6: tuple[int, int] | None = None, **more: Any
) -> Any:
    """Return one IP block in canonical form, with the lengths allowed for each family; None refuses the family."""
    families = [("IPv4", r"[0-9.]+", ipv4), ("IPv6", r"[0-9a-f:.]*:[0-9a-f:.]*", ipv6)]
    allowed = [(name, digits, bounds) for name, digits, bounds in families if bounds]
    pattern = "|".join(f"{digits}/({lengths(*bounds)})" for _, digits, bounds in allowed)
    wanted = " or ".join(f"an {name} block of /{bounds[0]} to /{bounds[1]}" for name, _, bounds in allowed)
    more.setdefault("example", "10.0.0.0/16" if ipv4 else "2001:db8::/56")
    spec = Spec(kinds.BLOCK, title, says={"str_matches": ("prefix_length", f"is not {wanted}")}, **more)
    return declare(spec, str_matches=f"^({pattern})$")


def blocks(title: str, **more: Any) -> Any:
    """Return a list of IP blocks."""
    more.setdefault("example", "10.1.0.0/16,10.2.0.0/16")
    return declare(Spec(kinds.BLOCKS, title, **more))


def address(title: str, **more: Any) -> Any:
    """Return one IP address."""
    more.setdefault("example", "203.0.113.7")
    return declare(Spec(kinds.ADDRESS, title, **more))


def texts(title: str, **more: Any) -> Any:
    """Return a list of names or ids."""
    return declare(Spec(kinds.TEXTS, title, **more))


def tags(title: str, **more: Any) -> Any:
    """Return tags: text to text."""
    return declare(Spec(kinds.TAGS, title, **more))


def aws_tags(title: str, **more: Any) -> Any:
    """Return tags within the limits of AWS."""
    return declare(Spec(kinds.AWS_TAGS, title, source=citations.TAGS, **more))


def json(title: str, *, secrets: tuple[str, ...] = (), **more: Any) -> Any:
    """Return any JSON value; members named as one of `secrets` are dropped from it."""
    return declare(Spec(kinds.json_without(secrets) if secrets else kinds.JSON, title, **more))
