"""Credentials: a name for a secret, from the environment or from Prefect."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from prefect.blocks.system import Secret as Block
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows.server.sign_in import CLIENT
from schemas.errors import UsageError
from tasks.security.secrets import secret_named
from tests.waiting import wait_until


@pytest.mark.parametrize("name", ["core-netbox", "core_netbox", "Core-NetBox"])
def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """However its name is spelt; it is looked up again each time."""
    monkeypatch.setenv("CMDB_SECRET_CORE_NETBOX", "abcdefgh")
    assert secret_named(name).text == "abcdefgh"
    monkeypatch.setenv("CMDB_SECRET_CORE_NETBOX", "ijklmnop")
    assert secret_named(name).text == "ijklmnop"


def test_what_is_not_there() -> None:
    """Both places are named."""
    with pytest.raises(
        UsageError, match=r"Unknown secret 'core-netbox': set CMDB_SECRET_CORE_NETBOX, or create a Prefect block"
    ):
        secret_named("core-netbox")


@pytest.mark.parametrize("name", ["hunter22!", '{"a": 1}', "", "x" * 64, "two words"])
def test_what_is_no_name_is_not_repeated(name: str) -> None:
    """It may be the secret itself."""
    with pytest.raises(UsageError, match="credentials is the name of a secret: letters, digits") as caught:
        secret_named(name)
    if name:
        assert name not in str(caught.value)


@pytest.fixture
def prefect_here(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Prefect's client in this process, for one test.

    Its threads are ended: they draw random numbers for their pings, which Hypothesis takes for a fault of the law that
    it tries meanwhile.
    """
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    with temporary_settings(updates={PREFECT_API_URL: prefect_api, PREFECT_API_AUTH_STRING: os.environ[CLIENT]}):
        yield
        EventsWorker.drain_all()
    wait_until(lambda: not [thread for thread in threading.enumerate() if "EventsWorker" in thread.name])


def test_from_prefect(monkeypatch: pytest.MonkeyPatch, prefect_here: None) -> None:
    """A Secret block of text or of JSON; the environment wins."""
    del prefect_here
    Block(value="abcdefgh").save("core-netbox")
    Block(value={"username": "a", "password": "ijklmnop"}).save("ipam-reader")
    assert secret_named("core_netbox").text == "abcdefgh"
    assert secret_named("ipam-reader").member("password") == "ijklmnop"
    with pytest.raises(UsageError, match="Unknown secret 'nobody'"):
        secret_named("nobody")
    monkeypatch.setenv("CMDB_SECRET_CORE_NETBOX", "qrstuvwx")
    assert secret_named("core-netbox").text == "qrstuvwx"
