"""The prefilter misses no repeated key and no overlap, and points at few others."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.model.rules import NoOverlap
from schemas.resources import RESOURCES
from schemas.sources import ROW
from tasks.store.staging import prefilter
from tasks.store.staging.prefilter import Prefilter
from tests.laws import law

VPC = RESOURCES["vpc"]
[RULE] = VPC.rules(NoOverlap)

# Few addresses, so that blocks meet.
BLOCKS = st.builds(
    lambda address, length: str(ipaddress.ip_network((0x0A000000 + address * 16, length), strict=False)),
    st.integers(0, 40),
    st.integers(22, 28),
)
ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), BLOCKS, st.sampled_from(["1", "2"]), st.sampled_from(["x", "y", None])),
    min_size=1,
    max_size=14,
)


def meet(one: tuple[str, str, str, str | None], other: tuple[str, str, str, str | None]) -> bool:
    """Say whether two rows of one account and region have blocks that overlap."""
    same = None not in (one[3], other[3]) and one[2:] == other[2:]
    return same and ipaddress.ip_network(one[1]).overlaps(ipaddress.ip_network(other[1]))


@pytest.mark.parametrize("part", [3, 2_000_000], ids=["in parts", "at once"])
@law(60)
@given(rows=ROWS)
def test_what_it_points_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, rows: list[tuple[str, str, str, str | None]]
) -> None:
    """Exactly the rows whose key is repeated, and exactly those that overlap another of their scope."""
    monkeypatch.setattr(prefilter, "_PART", part)
    drawn = Prefilter(tmp_path, VPC, ("vpc_id", "cidr_block", "account_id", "region"))
    schema = {"vpc_id": pl.String, "cidr_block": pl.String, "account_id": pl.String, "region": pl.String}
    for start in range(0, len(rows), 5):
        batch = pl.DataFrame(rows[start : start + 5], schema=schema, orient="row")
        drawn = drawn.add(drawn.numbers(batch.with_row_index(ROW, offset=start)), len(batch))
    keys = [row[0] for row in rows]
    repeated = {number for number, key in enumerate(keys) if keys.count(key) > 1}
    overlapping = {n for n, one in enumerate(rows) for m, other in enumerate(rows) if n != m and meet(one, other)}
    assert set(drawn.repeated()) == repeated
    assert set(drawn.overlapping(RULE)) == overlapping


def test_what_is_no_ipv4_is_left_to_sql(tmp_path: Path) -> None:
    """An IPv6 block is pointed at whatever it is, and an empty one never."""
    drawn = Prefilter(tmp_path, VPC, ("vpc_id", "cidr_block", "account_id", "region"))
    columns = {
        "vpc_id": ["a", "b"],
        "cidr_block": ["2001:db8::/56", None],
        "account_id": ["1", "1"],
        "region": ["x"] * 2,
    }
    drawn = drawn.add(drawn.numbers(pl.DataFrame(columns).with_row_index(ROW)), 2)
    assert list(drawn.overlapping(RULE)) == [0]


def test_an_empty_prefilter(tmp_path: Path) -> None:
    """Nothing was staged, nothing is pointed at."""
    drawn = Prefilter(tmp_path, VPC, ("vpc_id",))
    assert drawn.repeated().is_empty()
    assert drawn.overlapping(RULE).is_empty()
