"""The wheel: what it installs works from any folder, also from one with packages of the same names."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, command: str) -> Path:
    """The wheel of this checkout."""
    assert command  # it runs programs of its own
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_has_what_it_needs(wheel: Path) -> None:
    """The packages with the page, the migrations and the types of the Python API; no test, no benchmark."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {
        "api",
        "cmdb",
        "deployments",
        "flows",
        "schemas",
        "tasks",
    }
    for needed in ("api/pages/static/import.js", "cmdb/py.typed", "deployments/prefect.yaml"):
        assert needed in names
    assert any(name.startswith("tasks/store/migrations/versions/") for name in names)


def test_an_installed_cmdb_works_from_any_folder(wheel: Path, database_url: str, tmp_path: Path) -> None:
    """The command and the Python API, in a folder whose own packages are called `flows` and `api`."""
    environment = tmp_path / "venv"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    # What cmdb depends on is that of this environment; its own checkout is not, which an editable install adds.
    [site] = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    folder = tmp_path / "own"
    for package in ("flows", "api"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("raise RuntimeError('this is not of cmdb')\n")
    (folder / "sites.csv").write_text("Site,Slug\nFrankfurt,fra\n")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = {"cwd": folder, "env": kept | {"CMDB_DATABASE_URL": database_url}, "capture_output": True, "text": True}
    command = str(environment / "bin" / "cmdb")
    done = subprocess.run([command, "import", "sites.csv", "--type", "site"], check=False, **asked)  # type: ignore[call-overload]
    assert (done.returncode, "1 created" in done.stdout) == (0, True), done.stderr
    where = "import cmdb, flows; print(cmdb.__file__, flows.__file__, len(cmdb.list_records('site')))"
    done = subprocess.run([str(python), "-P", "-c", where], check=False, **asked)  # type: ignore[call-overload]
    assert done.stdout.split() == [str(site / "cmdb/__init__.py"), str(site / "flows/__init__.py"), "1"], done.stderr
