"""Credentials: a name for a secret, from the environment or from Prefect."""

from __future__ import annotations

import pytest
from prefect.blocks.system import Secret as Block
from prefect.settings import PREFECT_API_URL, temporary_settings

from schemas.errors import UsageError
from tasks.credentials import secret_named


@pytest.mark.parametrize("name", ["core-netbox", "core_netbox", "Core-NetBox"])
def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """However its name is spelt; it is looked up anew each time."""
    monkeypatch.setenv("CMDB_SECRET_CORE_NETBOX", "abcdefgh")
    assert secret_named(name).text == "abcdefgh"
    monkeypatch.setenv("CMDB_SECRET_CORE_NETBOX", "ijklmnop")
    assert secret_named(name).text == "ijklmnop"


def test_what_is_not_there() -> None:
    """Both places are named."""
    with pytest.raises(UsageError, match=r"no secret 'core-netbox': set CMDB_SECRET_CORE_NETBOX, or make a block"):
        secret_named("core-netbox")


@pytest.mark.parametrize("name", ["hunter22!", '{"a": 1}', "", "x" * 64, "two words"])
def test_what_is_no_name_is_not_repeated(name: str) -> None:
    """It may be the secret itself."""
    with pytest.raises(UsageError, match="credentials is the name of a secret: letters, digits") as caught:
        secret_named(name)
    if name:
        assert name not in str(caught.value)


def test_from_prefect(monkeypatch: pytest.MonkeyPatch, prefect_api: str) -> None:
    """A Secret block of text or of JSON; the environment wins."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
        Block(value="abcdefgh").save("core-netbox")
        Block(value={"username": "a", "password": "ijklmnop"}).save("ipam-reader")
        assert secret_named("core_netbox").text == "abcdefgh"
        assert secret_named("ipam-reader").member("password") == "ijklmnop"
        with pytest.raises(UsageError, match="There is no secret 'nobody'"):
            secret_named("nobody")
        monkeypatch.setenv("CMDB_SECRET_CORE_NETBOX", "qrstuvwx")
        assert secret_named("core-netbox").text == "qrstuvwx"
