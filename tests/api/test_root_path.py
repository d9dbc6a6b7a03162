"""The API below a path: what a proxy may do to the path of a request, and which paths there can be."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from api.rest.app import create
from schemas.errors import UsageError
from schemas.settings import Settings, settings
from tests.api.conftest import Serve
from tests.api.facade import Facade


@pytest.fixture(scope="module")
def shared_below(facades: Serve) -> Facade:
    """A facade of this process, below a path of another host."""
    return facades(public_url="https://network.example/inventory/cmdb/")


@pytest.fixture
def below(shared_below: Facade, database_url: str) -> Facade:
    """The facade below a path, on the test's database."""
    assert database_url
    return shared_below


@pytest.mark.parametrize("kept", ["", "/inventory/cmdb"])
def test_the_proxy_may_keep_the_path_or_remove_it(below: Facade, kept: str) -> None:
    """The answers are the same, and have the path in their links; the page and health checks have no limit of rate."""
    with httpx.Client(base_url=below.address, headers={"Host": "network.example"}) as client:
        found = [client.get(f"{kept}{path}") for path in ("/", "/static/main.js", "/docs", "/healthz", "/api/imports")]
        assert {each.status_code for each in found} == {200}
        assert {each.headers["cache-control"] for each in found} == {"no-cache", "no-store"}
        assert client.get(f"{kept}/api/x%2Fy").json()["instance"] == "/inventory/cmdb/api/x/y"
        moved = client.get(f"{kept}/api/resources/").headers["location"]
        assert moved == "http://network.example/inventory/cmdb/api/resources"
        assert client.get(f"{kept}/openapi.json").json()["servers"] == [{"url": "/inventory/cmdb"}]


def test_another_host_is_not_known(below: Facade) -> None:
    """A page of another site may have its name lead here."""
    assert httpx.get(f"{below.address}/healthz", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/api", "/static/cmdb", "/docs", "/healthz"])
def test_a_path_of_the_api_itself_is_refused(database_url: str, path: str) -> None:
    """Whether a proxy has removed the path could not be seen then."""
    with pytest.raises(UsageError, match="CMDB_ROOT_PATH"):
        create(Settings(root_path=path, database_url=SecretStr(database_url)), database_url)


@pytest.mark.parametrize("path", ["//cmdb", "/cmdb?x", "/a/../b", "/a b", "/a%20b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """It is one that browsers and proxies leave as it is."""
    with pytest.raises(ValidationError):
        Settings(root_path=path)
    with pytest.raises(ValidationError):
        Settings(public_url=f"https://network.example/x/{path}")


def test_one_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is that of the public URL; both may be given where they agree."""
    public = "https://network.example/cmdb"
    assert Settings(public_url=public).path_prefix == "/cmdb"
    assert Settings(root_path="/cmdb/").path_prefix == Settings(public_url=public, root_path="/cmdb").path_prefix
    assert (Settings().path_prefix, Settings(root_path="/").path_prefix) == ("", "")
    monkeypatch.setenv("CMDB_PUBLIC_URL", public)
    monkeypatch.setenv("CMDB_ROOT_PATH", "/other")
    with pytest.raises(UsageError, match=r"Invalid settings\. Give CMDB_ROOT_PATH the path that CMDB_PUBLIC_URL has"):
        settings()
