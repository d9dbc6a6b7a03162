"""Clients that others generate from the description of the API: unedited, they import a file and export its records."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.system import System
from tests.conftest import needs
from tests.support import execute as sql
from tests.support import vpc, write_csv

PROGRAMS = Path(__file__).parents[1] / "data" / "clients"
"""Programs that use the generated clients, and what npm installs to generate one."""

EXPECTED = {
    "upload": "vpcs.csv",
    "previewed": 2,
    "repeated": True,
    "lastEvent": "end",
    "status": "completed",
    "percent": 100,
    "created": 2,
    "counted": 2,
    "exported": "completed",
    "problem": "vpc has no field 'nme': did you mean name?",
}


@pytest.fixture
def described(system: System, tmp_path: Path) -> Path:
    """The description of the API, as the system serves it; no VPC is stored."""
    sql(system.url, "truncate vpc")
    path = tmp_path / "openapi.json"
    path.write_bytes(httpx.get(f"{system.address}/openapi.json", timeout=60).content)
    return path


def run(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    """Run a program in a folder; returns what it printed."""
    variables = os.environ | environment
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def check(program: Sequence[str | Path], system: System, folder: Path, **environment: str) -> None:
    """Let a program import a file and export its records; what it reports and downloads is what is stored."""
    rows: list[dict[str, Any]] = [vpc(number) | {"remark": "new"} for number in (1, 2)]
    source = write_csv(folder / "vpcs.csv", rows)
    found = json.loads(run([*program, system.address, source, folder], folder, **environment))
    assert found == EXPECTED
    exported = (folder / "export.csv").read_text(encoding="utf-8").splitlines()
    assert exported == ["vpc_id,name", *(f"{each['vpc_id']},{each['name']}" for each in rows)]
    assert sql(system.url, "select count(*) from vpc") == [(2,)]


@pytest.mark.timeout(600)
def test_python(system: System, described: Path, tmp_path: Path) -> None:
    """The client of openapi-python-client has every operation, and does an import and an export."""
    config = tmp_path / "config.yaml"
    config.write_text("post_hooks: []\n")
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"]
    run([*generate, "--path", described, "--output-path", tmp_path / "cmdb_client", "--config", config], tmp_path)
    check([sys.executable, PROGRAMS / "import_and_export.py"], system, tmp_path, PYTHONPATH=str(tmp_path))


@pytest.mark.timeout(600)
def test_typescript(system: System, described: Path, tmp_path: Path) -> None:
    """The client of @hey-api/openapi-ts passes the strict checks of TypeScript, and does an import and an export."""
    node, npm = needs("node"), needs("npm")
    for path in PROGRAMS.iterdir():
        shutil.copy(path, tmp_path)
    run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], tmp_path)
    programs = tmp_path / "node_modules" / ".bin"
    generate: list[str | Path] = [programs / "openapi-ts", "--client", "@hey-api/client-fetch", "--no-log-file"]
    run([*generate, "--input", described, "--output", "client"], tmp_path)
    run([programs / "tsc", "--project", tmp_path], tmp_path)
    check([node, tmp_path / "built" / "importAndExport.js"], system, tmp_path)
