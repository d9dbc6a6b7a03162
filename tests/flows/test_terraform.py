"""A Terraform state into the CMDB: each of its parts is sound, beside those that are loaded before it."""

from __future__ import annotations

from pathlib import Path

from schemas.jobs import ImportJob
from schemas.reports import ROW
from tasks.extract import extract_all
from tests.support import importer, issues_of, stored, with_settings

STATE = Path(__file__).parents[1] / "data" / "documents" / "network.tfstate"


def test_every_part_of_a_state_is_sound(database_url: str, tmp_path: Path) -> None:
    """In the order of loading, no record is rejected, and nothing of them is unknown; the second time, none changes."""
    work = tmp_path / "work"
    work.mkdir()
    found = extract_all(ImportJob(path=STATE), work, with_settings())
    for counted in ("create", "unchanged"):
        for part in found:
            path = tmp_path / "part.parquet"
            part.frame.drop(ROW).collect().write_parquet(path)
            report = importer(database_url, tmp_path)(path, resource_type=part.resource_type)
            assert getattr(report.counts, counted) == part.records, (
                part.resource_type,
                issues_of(database_url, report),
            )
            assert report.notices == ()
    core = next(record for record in stored(database_url, "vpc") if record["name"] == "core")
    assert core["secondary_cidr_blocks"] == ["10.21.0.0/16", "10.22.0.0/16"]
    assert (core["region"], core["account_id"], core["owner"]) == ("eu-central-1", "012345678901", "network")
