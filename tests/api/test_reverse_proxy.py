"""The API and the page behind the real nginx, with HTTPS and below a path, as the documentation configures it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.sync.client import connect

from api.rest.security.access import COOKIE
from api.rest.security.guard import new_key
from tests.api.browsing import heading
from tests.api.system import CMDB, System, facade, file, quiet_port
from tests.conftest import temporary_home
from tests.locks import WHILE_APPLYING, held
from tests.nginx import HOST, Proxy, nginx
from tests.support import execute as sql
from tests.support import rows, vpc, write_csv
from tests.waiting import PATIENCE, wait_until

PATH = "/cmdb"


@dataclass(frozen=True)
class Proxied:
    """A copy of the facade behind a proxy, and a key of it."""

    proxy: Proxy
    key: str

    @property
    def address(self) -> str:
        """Where people reach it."""
        return f"{self.proxy.address}{PATH}"

    @property
    def signed(self) -> dict[str, str]:
        """The header of the key."""
        return {"Authorization": f"Bearer {self.key}"}

    def client(self, **more: Any) -> httpx.Client:
        """Return a client of the proxy; what it asks for is below no path."""
        return httpx.Client(base_url=self.proxy.address, verify=self.proxy.trust, timeout=60, **more)


@pytest.fixture(scope="module")
def proxied(system: System) -> Iterator[Proxied]:
    """A copy of the system's facade behind nginx."""
    key, line = new_key("alice", "write")
    port = quiet_port()
    changed = {
        "CMDB_API_KEYS": json.dumps([line]),
        "CMDB_PROXIES": json.dumps([HOST]),
        "CMDB_PUBLIC_URL": f"https://{HOST}:{port}{PATH}",
    }
    with (
        temporary_home() as folder,
        facade(system, **changed) as api,
        nginx(folder, port, api=api, prefect=system.prefect) as proxy,
    ):
        yield Proxied(proxy, key)


@pytest.fixture
def client(system: System, proxied: Proxied) -> Iterator[httpx.Client]:
    """A client with a key, that trusts the proxy; there are no VPCs."""
    sql(system.url, "truncate vpc")
    with proxied.client(headers=proxied.signed) as opened:
        yield opened


def test_progress_is_pushed(system: System, proxied: Proxied, client: httpx.Client, tmp_path: Path) -> None:
    """Server-sent events and the WebSocket arrive while the run is still at work."""
    events: list[str] = []
    states: list[dict[str, Any]] = []

    def by_events() -> None:
        with client.stream("GET", links["events"]) as stream:
            events.extend(line for line in stream.iter_lines() if line.startswith(("event:", "data:")))

    def by_socket() -> None:
        address = f"wss://{HOST}:{proxied.proxy.port}{links['progress']}/ws"
        with connect(address, ssl=proxied.proxy.trust, additional_headers=proxied.signed) as socket:
            states.extend(json.loads(message) for message in socket)

    with ThreadPoolExecutor(2) as pool:
        with held(system.url, WHILE_APPLYING) as lock:
            path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="nowhere")])
            answer = client.post(f"{PATH}/api/import/execute", **file(path))
            links = answer.json()["links"]
            listening = [pool.submit(by_events), pool.submit(by_socket)]
            lock.wait_for_writer()
            wait_until(lambda: any('"phase":"apply"' in line.replace(" ", "") for line in events))
            wait_until(lambda: any(state.get("phase") == "apply" for state in states))
        for each in listening:
            each.result(PATIENCE)
    assert (answer.status_code, answer.headers["location"]) == (202, links["progress"])
    assert [events[-2], states[-1]["status"]] == ["event: end", "completed"]
    assert all(link.startswith(f"{PATH}/api/") for link in links.values())
    result = client.get(links["result"]).json()
    rejects = client.get(result["links"]["rejectsCsv"])
    assert (result["counts"]["create"], "nowhere" in rejects.text) == (1, True)


def test_a_download_in_ranges(client: httpx.Client) -> None:
    """An export is downloaded by its links, whole and in part."""
    links = client.post(f"{PATH}/api/export", json={"resourceType": "vpc", "fields": ["name"]}).json()["links"]
    wait_until(lambda: client.get(links["progress"]).json()["status"] == "completed")
    whole = client.get(links["download"])
    part = client.get(links["download"], headers={"Range": "bytes=1-2"})
    assert (whole.content, part.status_code, part.content) == (b"name\r\n", 206, b"am")


def test_addresses(proxied: Proxied, client: httpx.Client) -> None:
    """Redirects, problems, the page's files and the description name addresses that lead through the proxy."""
    asked = (PATH, f"{PATH}/docs/", f"{PATH}/api/resources/")
    moved = {path: client.get(path).headers["location"] for path in asked}
    assert moved == {
        PATH: f"{proxied.address}/",
        f"{PATH}/docs/": f"{proxied.address}/docs",
        f"{PATH}/api/resources/": f"{proxied.address}/api/resources",
    }
    assert client.get(f"{PATH}/api/nothing").json()["instance"] == f"{PATH}/api/nothing"
    for path in ("/", "/docs", "/static/main.js", "/static/swagger-ui/swagger-ui.css"):
        found = client.get(PATH + path)
        assert (found.status_code, "default-src 'self'" in found.headers["content-security-policy"]) == (200, True)
    assert client.get(f"{PATH}/openapi.json").json()["servers"] == [{"url": PATH}]


def test_the_cookie_of_a_sign_in(proxied: Proxied) -> None:
    """A browser sends it over HTTPS, to the path of the page only."""
    with proxied.client() as browser:
        signed_in = browser.post(f"{PATH}/api/session", json={"key": proxied.key})
        attributes = {each.strip().lower() for each in signed_in.headers["set-cookie"].split(";")}
        assert {"httponly", "secure", "samesite=strict", f"path={PATH}"} <= attributes
        assert browser.get(f"{PATH}/api/session").json()["name"] == "alice"
        assert browser.delete(f"{PATH}/api/session").status_code == 204
        assert COOKIE not in browser.cookies


def test_commands(system: System, proxied: Proxied, tmp_path: Path) -> None:
    """The command line works with the server through the proxy."""
    sql(system.url, "truncate vpc")
    own = {"CMDB_API_URL": proxied.address, "CMDB_API_KEY": proxied.key}
    environment = os.environ | own | {"SSL_CERT_FILE": str(proxied.proxy.certificate)}
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2)])
    done = subprocess.run([CMDB, "import", path], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert rows(system.url) == 2


@contextmanager
def opened(browser: Browser) -> Iterator[Page]:
    """Open a page; no script of it may fail, and nothing break its own policy."""
    context = browser.new_context(locale="en-GB", ignore_https_errors=True)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert not wrong


def test_the_page(system: System, proxied: Proxied, browser: Browser, tmp_path: Path) -> None:
    """Somebody signs in, imports a file and downloads its rejected rows."""
    sql(system.url, "truncate vpc")
    with opened(browser) as page:
        page.goto(proxied.address)
        page.get_by_role("link", name="Templates").click()
        heading(page, "Sign in")
        page.get_by_label("API key").fill(proxied.key)
        page.get_by_role("button", name="Sign in").click()
        heading(page, "Templates")
        page.get_by_role("link", name="Import", exact=True).click()
        heading(page, "Import a file")
        page.get_by_label("File to import").set_input_files(
            write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="nowhere")])
        )
        page.get_by_role("button", name="Show what would happen").click()
        page.get_by_role("button", name="Import 1 record").click()
        heading(page, "Imported, with rows left out")
        with page.expect_download() as found:
            page.get_by_role("link", name="Download as CSV").click()
        assert "nowhere" in found.value.path().read_text(encoding="utf-8")
    assert rows(system.url) == 1


def test_the_reference(proxied: Proxied, browser: Browser) -> None:
    """An operation that a reader tries is sent below the path."""
    with opened(browser) as page:
        page.goto(f"{proxied.address}/docs")
        health = page.locator("#operations-health-checkHealth")
        health.get_by_role("button", name="/healthz").first.click()
        health.get_by_role("button", name="Try it out").click()
        with page.expect_response(f"{proxied.address}/healthz") as answer:
            health.get_by_role("button", name="Execute").click()
        assert answer.value.status == 200
        expect(health.locator(".request-url")).to_contain_text(f"{proxied.address}/healthz")
