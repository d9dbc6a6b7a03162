"""`cmdb list` and `cmdb get`: tables for people, and what programs read and an import takes again."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import yaml

from tests.api.support import Cli, Done
from tests.support import vpc, vpc_id, write_csv


@pytest.fixture
def known(cli: Cli, tmp_path: Path) -> None:
    """Three VPCs."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="eu-west-1"), vpc(3, tags="Owner=net")])
    assert cli("import", str(path)).code == 0


def printed(cli: Cli, *words: str) -> Done:
    """What a command prints that writes bytes."""
    written = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(written))
        done = cli(*words)
        return Done(done.code, written.getvalue().decode(), done.err)


@pytest.mark.usefixtures("known")
def test_records_as_a_table(cli: Cli) -> None:
    """The fields that are asked for, in this order, of the records that are asked for; the count stands apart."""
    done = cli("list", "vpc", "--where", "region = us-east-1", "--fields", "Name,vpc_id", "--sort", "-name")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines == [["name", "vpc_id"], ["net-3", vpc_id(3)], ["net-1", vpc_id(1)]]
    assert (done.code, done.err) == (0, "2 VPC records\n")
    assert cli("list", "vpc", "-n", "1").err == "1 of 3 VPC records; --limit shows more\n"
    assert "net-2" in cli("get", "vpc", vpc_id(2)).out


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("output", ["json", "ndjson", "csv", "yaml"])
def test_records_for_programs(cli: Cli, tmp_path: Path, output: str) -> None:
    """Standard output has the records alone, and importing it changes nothing."""
    done = printed(cli, "list", "vpc", "-o", output)
    assert (done.code, done.err) == (0, "")
    path = tmp_path / f"again.{output}"
    path.write_text(done.out)
    assert json.loads(cli("import", str(path), "--json").out)["counts"]["unchanged"] == 3


@pytest.mark.usefixtures("known")
def test_one_record_for_programs(cli: Cli) -> None:
    """JSON and YAML hold the same record."""
    record = json.loads(cli("get", "vpc", vpc_id(3), "-o", "json").out)
    assert (record["name"], record["tags"]) == ("net-3", {"Owner": "net"})
    assert yaml.safe_load(cli("get", "vpc", vpc_id(3), "-o", "yaml").out) == record
    assert json.loads(cli("get", "vpc", vpc_id(3), "-o", "ndjson").out) == record


def test_what_is_not_there(cli: Cli) -> None:
    """A type, a field and a record that there is none of, each with what to do."""
    for words, says in (
        (("list", "vpcs", "--fields", "nmae"), "did you mean name?"),
        (("get", "vpc", "vpc-1"), "`cmdb list vpc` shows those that there are"),
        (("get", "vlna", "1"), "did you mean vlan?"),
    ):
        done = cli(*words)
        assert (done.code, says in " ".join(done.err.split())) == (2, True), done
