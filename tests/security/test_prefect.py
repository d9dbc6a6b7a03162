"""Prefect's server: whoever may use it may run code, so nobody may without its secret, and no request chooses code."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker
from sqlalchemy.engine import make_url
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from deployments import up, worker
from deployments.definitions import JOB_TEMPLATE, make_pool
from deployments.process import Part
from flows import launch
from flows.server.sign_in import CLIENT, SERVER, credentials, secret_file, server_secret, sign_in
from schemas.errors import Unavailable
from schemas.settings import Settings, settings
from tests.api.facade import NOWHERE
from tests.api.system import System, quiet_port
from tests.support import with_settings

EVIL = "https://evil.example"


def statuses(client: httpx.Client) -> set[int]:
    """Return the statuses of requests that would run code, read secrets or read what there is."""
    asked = [
        client.post("/work_pools/filter", json={}),
        client.get("/block_documents/", params={"include_secrets": True}),
        client.post("/block_documents/filter", json={"include_secrets": True}),
        client.patch("/work_pools/cmdb", json={"is_paused": False}),
        client.post("/deployments/filter", json={}),
        client.get("/version"),
    ]
    return {answer.status_code for answer in asked}


def test_nothing_is_answered_without_the_secret(system: System) -> None:
    """Neither without one nor with a wrong one, over HTTP and WebSockets; a file that its owner alone reads has it."""
    for secret in ("", "cmdb:guessed"):
        with httpx.Client(base_url=f"{system.prefect}/api", headers=credentials(secret)) as client:
            assert statuses(client) == {401}
            assert client.get("/health").status_code == 200
    socket = f"{system.prefect.replace('http', 'ws', 1)}/api/events/out"
    with connect(socket, subprotocols=["prefect"]) as events:  # type: ignore[list-item]
        events.send('{"type": "auth", "token": "cmdb:guessed"}')
        with pytest.raises(ConnectionClosed):
            events.recv(timeout=30)
    path = system.home / "prefect" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = (system.home / "up.log").read_text()
    assert str(path) in said
    assert system.secret not in said


def test_no_other_page_may_ask(system: System) -> None:
    """Another site gets no CORS; another name for this address, as DNS rebinding makes one, is refused."""
    with system.prefect_client() as client:
        for origin, allowed in ((EVIL, None), ("null", None), (system.prefect, system.prefect)):
            answer = client.get("/version", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed
        for path in ("/version", "/health", "/docs", "/../dashboard"):
            answer = client.get(path, headers={"Host": "evil.example:4200"})
            assert (answer.status_code, answer.text) == (400, "Invalid host header")


CHOSEN: list[dict[str, Any]] = [
    {"command": "sh -c 'id'"},
    {"env": {"PYTHONPATH": "/x"}},
    {"env.PATH": "/x"},
    {"working_dir": "/x"},
    {"name": "x"},
]
"""Job variables by which a caller would have code of its own run, or find out where it is run."""


@pytest.mark.parametrize("variables", CHOSEN)
def test_no_request_chooses_what_is_run(system: System, variables: dict[str, Any]) -> None:
    """No job variable is taken: not with a run, not with a deployment, not with an automation."""
    found = system.ask_prefect("GET", "/deployments/name/purge/purge")
    body = {"flow_id": found["flow_id"], "entrypoint": found["entrypoint"], "work_pool_name": "cmdb", "name": "evil"}
    trigger = {"type": "event", "expect": ["x"], "posture": "Reactive", "threshold": 1, "within": 0}
    run = {"type": "run-deployment", "source": "selected", "deployment_id": found["id"], "job_variables": variables}
    automation = {"name": "evil", "trigger": trigger, "actions": [run]}
    with system.prefect_client() as client:
        refused = [
            client.post(f"/deployments/{found['id']}/create_flow_run", json={"job_variables": variables}),
            client.post("/deployments/", json=body | {"job_variables": variables}),
            client.post("/automations/", json=automation),
        ]
    told = [(answer.status_code, answer.text) for answer in refused]
    assert {status for status, _ in told} == {422}, told
    assert all("unexpected" in text for _, text in told), told


@pytest.mark.parametrize("variables", CHOSEN)
def test_what_a_deployment_holds_is_ignored(variables: dict[str, Any]) -> None:
    """Prefect checks no job variable of a scheduled run, nor of a deployment that is changed: none has a place."""

    def made(values: dict[str, Any]) -> ProcessJobConfiguration:
        client = PrefectClient(NOWHERE)
        made = ProcessJobConfiguration.from_template_and_values(JOB_TEMPLATE, values, client=client)
        found: ProcessJobConfiguration = asyncio.run(made)
        return found

    assert made({}).command == "python -m deployments.start_run"
    assert made(variables) == made({})


def test_the_template_of_an_older_pool_is_put_right(system: System, prefect_api: str) -> None:
    """A worker that starts leaves no template that takes a command."""
    before = system.ask_prefect("GET", "/work_pools/cmdb")["base_job_template"]
    older = ProcessWorker.get_default_base_job_template()
    system.ask_prefect("PATCH", "/work_pools/cmdb", base_job_template=older)

    async def start() -> None:
        async with get_client() as client:
            await make_pool(client)

    with temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_API_AUTH_STRING: system.secret}):
        asyncio.run(start())
    assert system.ask_prefect("GET", "/work_pools/cmdb")["base_job_template"] == before


def environments(parts: list[Part]) -> dict[str, dict[str, str]]:
    """Return the environment of each part."""
    return {part.name: part.environment for part in parts}


SECRETS = {
    "CMDB_API_KEYS": "[]",
    "CMDB_PREFECT_DATABASE_URL": "postgresql://prefect:secret@db/prefect",
    "CMDB_API_KEY": "cmdb_key",
    "PREFECT_API_KEY": "that of another server",
    "CMDB_SECRET_NETBOX": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://prefect:secret@db/prefect",
    "MY_OWN_TOKEN": "secret",
}


def test_each_process_gets_its_own_secrets_alone(
    monkeypatch: pytest.MonkeyPatch, database_url: str, home: Path
) -> None:
    """The Prefect server nothing of the CMDB, the API no source's, and runs neither the API's nor the server's."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    # A database that is there: none is to be made.
    used = with_settings(
        prefect_database=str(make_url(database_url).database), api_port=quiet_port(), prefect_port=quiet_port()
    )
    found = environments(up._parts(used, database_url))
    has = {name: {each for each in SECRETS if environment.get(each)} for name, environment in found.items()}
    of_sources = {"CMDB_SECRET_NETBOX", "AWS_SECRET_ACCESS_KEY", "MY_OWN_TOKEN"}
    assert has == {
        "Prefect server": {"PREFECT_API_DATABASE_CONNECTION_URL"},
        "worker": of_sources,
        "API": {"CMDB_API_KEYS", "AWS_SECRET_ACCESS_KEY", "MY_OWN_TOKEN"},
    }
    of_runs = environments(worker._parts(used, home, None))
    assert all(set(SECRETS) & set(each) == of_sources | {"PREFECT_API_KEY"} for each in of_runs.values())
    server = found["Prefect server"]
    assert {name for name in server if name.startswith("CMDB_")} == {"CMDB_PREFECT_HOSTS"}
    assert server["PREFECT_API_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://")
    secret = server_secret(used)
    assert {name: environment.get(SERVER) for name, environment in found.items()} == {
        "Prefect server": secret,
        "worker": None,
        "API": None,
    }
    assert {name: environment.get(CLIENT) for name, environment in found.items()} == {
        "Prefect server": None,
        "worker": secret,
        "API": secret,
    }


def test_the_processes_of_a_system_have_what_they_need(system: System) -> None:
    """As they run: the secret of a source is with the runs, the database of the CMDB not with the Prefect server."""
    secrets = {"CMDB_SECRET_CHAT", "CMDB_DATABASE_URL", SERVER, CLIENT}

    def has(process: psutil.Process) -> set[str]:
        return secrets & set(process.environ())

    assert has(system.part("server")) == {SERVER}
    assert has(system.part("warm")) == {"CMDB_SECRET_CHAT", "CMDB_DATABASE_URL", CLIENT}
    assert has(system.part("prefect worker")) == {"CMDB_SECRET_CHAT", "CMDB_DATABASE_URL", CLIENT}
    assert has(system.part("api")) == {"CMDB_DATABASE_URL", CLIENT}


def test_the_secret_goes_to_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made once, and no server elsewhere is shown it; PREFECT_API_AUTH_STRING, where it is set, decides."""
    used = Settings()
    secret = server_secret(used)
    monkeypatch.setenv(CLIENT, "")
    assert (server_secret(used), secret_file(used).read_text()) == (secret, secret)
    for server in ("https://prefect.example/api", "http://10.0.0.1:4200/api", "http://127.0.0.1.example/api"):
        sign_in(server, used)
        assert not os.environ[CLIENT]
    monkeypatch.setenv(CLIENT, "its:own")
    sign_in("http://127.0.0.1:4200/api", used)
    assert os.environ[CLIENT] == "its:own"
    monkeypatch.setenv(CLIENT, "")
    sign_in("http://localhost:4200/api", used)
    assert os.environ[CLIENT] == secret


def test_a_wrong_secret_is_said(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command does not fall back to its own process: it says what to set."""
    monkeypatch.setenv("PREFECT_API_URL", f"{system.prefect}/api")
    with pytest.raises(Unavailable, match=f"asks for a secret: set {CLIENT}"):
        launch.hand_over_to_prefect(Settings())
    monkeypatch.setenv(CLIENT, "cmdb:guessed")
    with pytest.raises(Unavailable, match=f"another secret than that of {CLIENT}"):
        launch.hand_over_to_prefect(Settings())
