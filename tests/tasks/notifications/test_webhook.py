"""A webhook is told, tried again after a passing fault, and never named by its address."""

from __future__ import annotations

import json

import pytest

from schemas.access.secret import Secret
from tasks.notifications.webhook import post
from tests.webhook import KEY, webhook


@pytest.mark.parametrize("written", ["{}", '{{"url": "{}"}}'])
def test_it_is_sent(written: str) -> None:
    """The secret is the address, or a JSON object that has it."""
    with webhook() as hook:
        secret = Secret("chat", written.format(hook.address) if "url" in written else hook.address)
        assert post(secret, {"event": "failed"}) is None
        assert hook.told == [{"event": "failed"}]


def test_a_passing_fault_is_tried_again() -> None:
    """What answers 503 once is told the second time, and once only."""
    with webhook() as hook:
        hook.answers = [503]
        assert post(Secret("chat", hook.address), {"event": "held"}) is None
        assert (hook.requests, hook.events) == (2, ["held"])


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (302, 1), (500, 3)])
def test_what_it_answers_otherwise_is_said_without_its_address(status: int, requests: int) -> None:
    """A fault that stays is not tried again; nothing is sent to where an answer leads on to."""
    with webhook() as hook:
        hook.answers = [status] * 3
        why = post(Secret("chat", hook.address), {})
        assert why == f"the webhook of the secret 'chat' answered {status}"
        assert (hook.requests, hook.told) == (requests, [])


@pytest.mark.parametrize("address", ["http://127.0.0.1:9" + KEY, "http://host name" + KEY, "http://[" + KEY])
def test_what_does_not_answer_is_reported_without_its_address(address: str) -> None:
    """Nobody listens, or the address is none."""
    why = post(Secret("chat", address), {})
    assert why
    assert "chat" in why
    assert KEY not in why


def test_only_the_web_is_notified() -> None:
    """A file is no webhook."""
    assert "write https://host/path" in (post(Secret("chat", "file:///etc/hostname"), {}) or "")
    assert "write https://host/path" in (post(Secret("chat", json.dumps({"token": "abc"})), {}) or "")
