"""Prefect's own page in Chromium: it asks for the secret, works on any port and below a path, shows text as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, Response, expect
from pydantic import SecretStr

from deployments.server import prefect_server
from flows.server.sign_in import server_secret
from schemas.settings import Settings
from tasks.markdown import JOINER
from tests.api.browsing import PICTURES
from tests.api.facade import NOWHERE
from tests.api.held import held_sync
from tests.api.system import System, execute, follow, quiet_port
from tests.conftest import temporary_home
from tests.nginx import nginx
from tests.support import execute as sql
from tests.support import vpc, write_csv
from tests.waiting import PATIENCE

VALUE = "<img src=x onerror=alert(1)> [d](javascript:alert(2)) www.evil.example"
NAME = "<img src=x onerror=alert(1)> [d](x) `b` **c** www.evil.example a@evil.example &lt;"
"""A cell, and a file's name, that must be seen as they are."""


@contextmanager
def signed_in(browser: Browser, address: str, secret: str) -> Iterator[Page]:
    """Open Prefect's page, which asks for the secret; after that, nothing fails, and nothing is asked elsewhere."""
    context = browser.new_context(locale="en-GB", ignore_https_errors=True)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    wrong: list[str] = []

    def look(asked: Request) -> None:
        if not asked.url.startswith((address, f"blob:{address}")):
            wrong.append(asked.url)

    def check(answer: Response) -> None:
        if answer.status >= 500:
            wrong.append(f"{answer.status} {answer.url}")

    def dismiss(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    page.on("request", look)
    page.on("response", check)
    page.on("dialog", dismiss)
    page.goto(address)
    expect(page.get_by_role("button", name="Login")).to_be_visible()
    page.locator("input").fill(secret)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Logout")).to_be_visible()
    # A sign-in ends on the dashboard, which would come in the way of where a test goes next.
    expect(page.get_by_label("breadcrumb")).to_contain_text("Dashboard")
    yield page
    context.close()
    assert not wrong


def test_a_run_and_its_report(system: System, browser: Browser, tmp_path: Path) -> None:
    """On an unusual port: dashboard, deployments, run and artifact; no markup of a file's name or cell takes effect."""
    sql(system.url, "truncate vpc")
    path = write_csv(tmp_path / f"{NAME}.csv", [vpc(1), vpc(2, region=VALUE)])
    with system.client() as client:
        run = execute(client, path, resourceType="vpc")
        assert follow(client, run)[-1]["status"] == "completed"
    of_it = {"flow_run_id": {"any_": [run]}}
    found = system.ask_prefect("POST", "/artifacts/filter", artifacts=of_it)
    kept = {each["key"]: each["id"] for each in found}
    with signed_in(browser, system.prefect, system.secret) as page:
        expect(page.get_by_text("Active Work Pools")).to_be_visible()
        page.goto(f"{system.prefect}/v2/deployments")
        expect(page.get_by_text("nightly-vpcs")).to_be_visible()
        page.goto(f"{system.prefect}/v2/runs/flow-run/{run}?tab=Artifacts")
        expect(page.get_by_text("Completed: 1 created, 0 updated, 1 rejected")).to_be_visible()
        expect(page.get_by_text(f"vpc from {path.name}", exact=True)).to_be_visible()
        for version in ("/v2", ""):  # both pages that Prefect has
            page.goto(f"{system.prefect}{version}/artifacts/artifact/{kept['import-vpc']}")
            expect(page.get_by_text(f"vpc from {path.name}: completed")).to_be_visible()
            expect(page.get_by_role("cell", name=re.compile(re.escape(f"'{VALUE}'")))).to_be_visible()
            assert page.locator("img, a[href*=evil], a[href*=script]").count() == 0
            page.goto(f"{system.prefect}{version}/artifacts/artifact/{kept['rejected-import-vpc']}")
            cell = page.get_by_role("cell").filter(has_text="AWS region code")
            expect(cell).to_be_visible()
            assert f"'{VALUE}'" in cell.inner_text().replace(JOINER, "")
            assert page.locator("img, a[href*=evil], a[href*=script]").count() == 0


def test_a_held_run_is_approved(
    system: System, browser: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """With three clicks: Resume, the name, Submit. The page then shows the run as completed, and who approved it."""
    sql(system.url, "truncate vpc, subnet")
    with system.client() as client:
        held = held_sync(system, client, tmp_path)
    with signed_in(browser, system.prefect, system.secret) as page:
        page.goto(f"{system.prefect}/runs/flow-run/{held.run}")
        page.get_by_role("button", name="Resume").click()
        form = page.locator(".p-modal__card")
        expect(form).to_contain_text("It would retire or delete 4 of 10 records")
        for label in ("Decision", "Reason", "Records changed since the plan was made"):
            expect(form.get_by_text(label)).to_be_visible()
        form.locator("textarea").first.fill("Ada")
        if request.config.getoption("--pictures"):
            PICTURES.mkdir(exist_ok=True)
            page.screenshot(path=PICTURES / "prefect-held.png")
        form.get_by_role("button", name="Submit").click()
        expect(page.get_by_text("Completed", exact=True).first).to_be_visible()
        page.get_by_text("Details", exact=True).click()
        expect(page.get_by_text("Approved by Ada (in Prefect). 0 created, 6 updated, 4 retired")).to_be_visible()
    assert held.live() == 6


def test_below_a_path(browser: Browser, database_url: str, home: Path) -> None:
    """As the documented proxy leads from a path of another name to its port: page and API are below it."""
    port, own = quiet_port(), quiet_port()
    address = f"https://prefect.localhost:{port}/prefect"
    used = Settings(home=home, prefect_url=address, database_url=SecretStr(database_url))
    with (
        prefect_server(used, own) as api,
        temporary_home() as folder,
        nginx(folder, port, api=NOWHERE.removesuffix("/api"), prefect=api.removesuffix("/api")),
        signed_in(browser, address, server_secret(used)) as page,
    ):
        page.goto(f"{address}/v2/deployments")
        expect(page.get_by_text("Create a deployment to get started")).to_be_visible()
