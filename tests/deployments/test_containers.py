"""Container files: what can't run here is at least read, and held against what it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from api.cli.commands.registry import all_commands
from flows.server.sign_in import SERVER
from schemas.settings import Settings
from tests.conftest import ROOT
from tests.postgres import SUPERUSER, foreign_server

FOLDER = ROOT / "deployments"

HOSTS = "CMDB_PREFECT_HOSTS"


def compose() -> Any:
    """Return the compose file, its anchors resolved."""
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, arguments) of each line of the Dockerfile, continued lines joined."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def test_the_image_is_made_of_what_is_there() -> None:
    """Every copied path exists, every package of ours is copied, and it runs as nobody special."""
    found = instructions()
    copied = [name for what, rest in found if what == "COPY" and "--from" not in rest for name in rest.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert {"api", "deployments", "flows", "schemas", "tasks"} <= set(copied)
    assert dict(found)["USER"] == "cmdb"
    assert {what for what, _ in found} <= {
        *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
        "ARG",
    }


def locked(name: str) -> dict[str, str]:
    """Return the version of each package of a lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))


def test_the_image_has_nothing_of_the_tests() -> None:
    """It installs what it runs on, in the versions that are tested; what builds the package stays behind."""
    image, everything = locked("requirements.lock"), locked("requirements-dev.lock")
    assert image.items() < everything.items()
    assert locked("requirements-build.lock").items() <= everything.items()
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {re.split(r"[<>=\[]", each)[0] for each in groups["project"]["dependencies"]}
    tools = {re.split(r"[<>=\[]", each)[0] for each in groups["dependency-groups"]["dev"] if isinstance(each, str)}
    assert wanted <= set(image)
    # Some are libraries of the application, too: its own dependencies need them.
    assert tools & set(image) <= {"cryptography", "jsonschema", "psutil"}
    runs = [rest for what, rest in instructions() if what == "RUN"]
    assert [rest for rest in runs if "requirements-build.lock" in rest and "/opt/cmdb" in rest] == []
    copied = [rest for what, rest in instructions() if what == "COPY" and "--from" in rest]
    assert copied == ["--from=build /opt/cmdb /opt/cmdb"]


def test_the_services_are_commands_and_settings_of_ours() -> None:
    """Every command of the image exists, every setting is one, every volume and every dependency is declared."""
    document = compose()
    commands = all_commands()
    known = {f"CMDB_{name.upper()}" for name in Settings.model_fields}
    ours = {name: service for name, service in document["services"].items() if service["image"] == "cmdb"}
    assert set(ours) == {"api", "worker"}
    for service in ours.values():
        assert service["command"][0] in commands
        assert {name for name in service["environment"] if name.startswith("CMDB_")} <= known
    for service in document["services"].values():
        assert set(service.get("depends_on", {})) <= set(document["services"])
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= set(document["volumes"])


def test_the_server_is_the_one_that_is_tested() -> None:
    """Prefect's image has the version of the lock, and no secret is written down."""
    locked = re.search(r"^prefect==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked
    assert f":{locked[1]}-" in compose()["services"]["prefect"]["image"]
    set_for = [pair for service in compose()["services"].values() for pair in service.get("environment", {}).items()]
    secrets = [value for name, value in set_for if "PASSWORD" in name or name.endswith("KEYS")]
    assert len(secrets) == 2
    assert [value for value in secrets if not value.startswith("${")] == []
    addresses = [value for _, value in set_for if re.match(r"\w[\w+]*://[^/]*@", value)]
    assert len(addresses) == 3
    assert [value for value in addresses if not re.match(r"[\w+]+://cmdb:\$\{POSTGRES_PASSWORD:", value)] == []


def test_cmdb_is_an_ordinary_role(home: Path) -> None:
    """The script that PostgreSQL's image runs once makes an ordinary role, and closes the superuser to the network."""
    with foreign_server(home, access="") as server:
        if not (server.programs / "psql").exists():
            pytest.skip("this PostgreSQL has no psql")
        place = {"PGHOST": str(server.place.socket), "PGPORT": str(server.port)}
        environment = {"PATH": f"{server.programs}:{os.defpath}"} | place
        given = {"POSTGRES_USER": SUPERUSER, "POSTGRES_PASSWORD": "a 'quoted' word"}
        subprocess.run(["sh", str(FOLDER / "postgres_roles.sh")], env=environment | given, check=True)
        roles = server.rows(
            "select rolname, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
            " from pg_roles where rolname !~ '^pg_'"
        )
        assert dict(roles) == {"postgres": True, "cmdb": False}
        owners = server.rows("select datname, pg_get_userbyid(datdba) from pg_database")
        assert {name for name, owner in owners if owner == "cmdb"} == {"cmdb", "prefect"}
        assert server.rows("select rolname from pg_authid where rolcanlogin and rolpassword is null") == [("postgres",)]


def test_the_services_have_their_databases() -> None:
    """What the script creates is what the services connect to, and it is mounted where the image runs it."""
    services = compose()["services"]
    script = (FOLDER / "postgres_roles.sh").read_text(encoding="utf-8")
    urls = [
        services["api"]["environment"]["CMDB_DATABASE_URL"],
        services["prefect"]["environment"]["PREFECT_API_DATABASE_CONNECTION_URL"],
    ]
    created = re.findall(r"create database (\w+) owner cmdb", script)
    assert [url.rpartition("/")[2] for url in urls] == created
    [mounted] = services["postgres"]["configs"]
    assert mounted["target"].startswith("/docker-entrypoint-initdb.d/")
    assert compose()["configs"][mounted["source"]]["file"] == "./postgres_roles.sh"


def test_prefect_is_closed() -> None:
    """Its server runs our doors, knows the name by which it is reached, and asks for what its clients send."""
    document = compose()
    services = document["services"]
    prefect = services["prefect"]
    [mounted] = prefect["configs"]
    assert prefect["command"] == ["python", mounted["target"]]
    assert (FOLDER / document["configs"][mounted["source"]]["file"]).samefile(FOLDER / "prefect_app.py")
    secret = prefect["environment"][SERVER]
    assert secret.startswith("${PREFECT_SECRET:?")
    for name in ("api", "worker"):
        environment = services[name]["environment"]
        assert environment["PREFECT_API_AUTH_STRING"] == secret
        assert urlsplit(environment["PREFECT_API_URL"]).hostname in json.loads(prefect["environment"][HOSTS])
    assert all(port.startswith("127.0.0.1:") for port in prefect["ports"])
    assert [name for name, each in services.items() if "CMDB_API_KEYS" in each.get("environment", {})] == ["api"]
    servers = [name for name, each in services.items() if SERVER in each.get("environment", {})]
    assert servers == ["prefect"]
