"""The interactive reference of the API, in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.facade import Facade, Locked


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page, which asks for nothing that another server has, breaks no policy and reports no error."""
    context = browser.new_context(locale="en-GB")
    opened = context.new_page()
    wrong: list[str] = []
    hosts: set[str] = set()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on("request", lambda sent: hosts.add(sent.url.partition("://")[2].partition("/")[0]))
    yield opened
    host = opened.url.partition("://")[2].partition("/")[0]
    context.close()
    assert not wrong
    assert hosts == {host}


def test_an_operation_is_read_and_tried(alone: Facade, page: Page) -> None:
    """It lists the operations, describes the file of a form, and calls an operation that a reader tries."""
    page.goto(f"{alone.address}/docs")
    for operation in ("/api/import/preview", "/api/export", "/healthz"):
        expect(page.locator(f'[data-path="{operation}"]')).to_be_visible()
    preview = page.locator("#operations-imports-previewImport")
    preview.get_by_role("button", name="/api/import/preview").first.click()
    preview.get_by_role("button", name="Try it out").click()
    expect(preview.locator("input[type=file]")).to_have_count(1)
    health = page.locator("#operations-health-checkHealth")
    health.get_by_role("button", name="/healthz").first.click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.locator(".live-responses-table .response-col_status").last).to_contain_text("200")


def test_it_has_the_rules_of_the_description(locked: Locked, page: Page) -> None:
    """Where keys are needed, the reference is read without one, as the description is; an operation takes a key."""
    page.goto(f"{locked.facade.address}/docs")
    expect(page.locator('[data-path="/api/keys"]').first).to_be_visible()
    with locked.client() as client:
        answers = [client.get(path) for path in ("/docs", "/openapi.json", "/api/resources")]
    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert "default-src 'self'" in answers[0].headers["content-security-policy"]
