"""The kinds of IP addresses and blocks."""

from __future__ import annotations

import ipaddress
import re

import polars as pl
from sqlalchemy.dialects.postgresql import CIDR, INET

from schemas.model.kinds.kind import Kind, fall_back

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_NO_LENGTH = (r"^[0-9a-fA-F:.]+$", "has no prefix length: write it as in 10.0.0.0/16")
_SEVERAL_BLOCKS = (
    r"^[0-9a-fA-F:.]+(\s*[–-]\s*[0-9a-fA-F:.]+| and \d+ addresses)$",
    "is not a single block: write one row for each of its blocks, such as 10.0.0.0/25",
)


def canonical_block(text: str) -> str | None:
    """One block: with its length or mask, or as the range from its first address to its last."""
    compact = re.sub(r"\s{0,9}([/–-])\s{0,9}", r"\1", text).replace("–", "-")
    # A zone (fe80::%eth0) means something on one machine only, and PostgreSQL holds none.
    if "%" in compact:
        return None
    try:
        if "/" in compact:
            return str(ipaddress.ip_network(compact, strict=False))
        return _one_block(*compact.split("-")) if compact.count("-") == 1 else None
    except (ValueError, TypeError):
        return None


def _one_block(first: str, last: str) -> str | None:
    """The one block that a range is; None where it is several. Raises ValueError or TypeError for what is no range."""
    ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
    blocks = list(ipaddress.summarize_address_range(*ends))
    return str(blocks[0]) if len(blocks) == 1 else None


def _host(text: str) -> str | None:
    """One address, also with the length of its network (`10.0.0.1/24`); a network's own address is none of a host."""
    try:
        interface = ipaddress.ip_interface(re.sub(r"\s{0,9}/\s{0,9}", "/", text))
    except ValueError:
        return None
    network = interface.network
    # RFC 3021, RFC 6164: both addresses of a block of two are hosts.
    is_host = network.num_addresses <= 2 or interface.ip != network.network_address
    return str(interface.ip) if is_host and "%" not in text else None


def ipv4_blocks(values: pl.Series) -> pl.DataFrame:
    """Return `address`, `length` and `size` of each IPv4 block, as numbers; null for everything else.

    Four numbers and a length, by arithmetic on whole columns.
    """
    block = values.str.split_exact("/", 1).struct.unnest()
    octets = block["field_0"].str.split_exact(".", 3).struct.unnest()
    numbers = [octets[f"field_{n}"].cast(pl.UInt8, strict=False).alias(str(n)) for n in range(4)]
    length = block["field_1"].cast(pl.UInt8, strict=False).alias("length")
    # As many digits as the numbers need: "+5", "010" and what follows a fifth dot are left to the careful way.
    digits = sum((_digits(pl.col(str(n))) for n in range(4)), start=_digits(pl.col("length"))) + 4
    sound = (digits == pl.lit(values.str.len_bytes())) & (pl.col("length") <= 32)
    address = pl.sum_horizontal(pl.col(str(n)).cast(pl.Int64) * 256 ** (3 - n) for n in range(4))
    size = pl.lit(2, pl.Int64).pow(32 - pl.col("length").cast(pl.Int64))
    frame = pl.DataFrame([*numbers, length])
    parts = {"address": address, "length": pl.col("length"), "size": size}
    return frame.select(pl.when(sound).then(part).alias(name) for name, part in parts.items())


def _ipv4_networks(values: pl.Series) -> pl.Series:
    """Canonical IPv4 blocks, null for everything else."""
    blocks = ipv4_blocks(values)
    network = blocks["address"] - blocks["address"] % blocks["size"]
    result = values.set(blocks["address"].is_null(), None)
    where = (network != blocks["address"]).fill_null(value=False).arg_true()
    if where.is_empty():
        return result
    shifted = pl.DataFrame({"network": network, "length": blocks["length"]})[where]
    return result.scatter(where, shifted.select(_dotted_block(pl.col("network")))["text"])


def _digits(number: pl.Expr) -> pl.Expr:
    return (number >= 10).cast(pl.UInt32) + (number >= 100).cast(pl.UInt32) + 1


def _dotted_block(network: pl.Expr) -> pl.Expr:
    parts = [network // 16_777_216, network // 65_536 % 256, network // 256 % 256, network % 256]
    return pl.format("{}.{}.{}.{}/{}", *parts, pl.col("length")).alias("text")


def _networks(values: pl.Series) -> pl.Series:
    return fall_back(values, _ipv4_networks(values), canonical_block)


def _hosts(values: pl.Series) -> pl.Series:
    return fall_back(values, values.set(~values.str.contains(rf"^{_IPV4}$"), None), _host)


BLOCK = Kind(
    "cidr",
    pl.String(),
    CIDR(),
    _networks,
    "an IP block such as 10.0.0.0/16 or 2001:db8::/56",
    repair="written as the network's own address, in canonical form",
    hints=(_NO_LENGTH, _SEVERAL_BLOCKS),
)
ADDRESS = Kind(
    "inet",
    pl.String(),
    INET(),
    _hosts,
    "an IP address such as 203.0.113.7",
    repair="written as the address alone, in canonical form",
    hints=((r"/ *\d+$", "is a block: give one address, without a prefix length"),),
)
