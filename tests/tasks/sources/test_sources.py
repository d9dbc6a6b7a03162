"""How a source is chosen, and what no address may hold."""

from __future__ import annotations

import pytest

from schemas.access.secret import Secret
from schemas.errors import UsageError
from tasks.sources import SOURCES, source_named
from tests.tasks.sources.rigs import RIGS


def test_every_source_is_tested_and_shows_itself() -> None:
    """Each has a rig, and its example is an address of it."""
    assert list(RIGS) == list(SOURCES)
    assert all(source_named(source.example) is source for source in SOURCES.values())


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/srv/network/*.csv", "file"),
        ("sites.csv", "file"),
        ("FILE:///srv/x.csv", "file"),
        ("HTTPS://example.com/x", "http"),
        ("postgresql+psycopg2://ipam/ipam?table=x", "sql"),
        ("postgres:///ipam?table=x", "sql"),
        ("sqlite:////srv/x.db?table=x", "sql"),
        ("aws://reader@111111111111,222222222222/us-east-1", "aws"),
        ("netbox+http://localhost:8000/netbox", "netbox"),
        ("abfs://container@account.dfs.core.windows.net/x.csv", "objects"),
    ],
)
def test_the_scheme_chooses(url: str, name: str) -> None:
    """In any case of letters; a path is a file."""
    assert source_named(url).name == name


def test_a_scheme_that_nobody_knows() -> None:
    """The nearest one is named, or else all of them."""
    with pytest.raises(UsageError, match=r"Unsupported source htps://: did you mean https://\?"):
        source_named("htps://example.com/x.csv")
    with pytest.raises(UsageError, match=r"there are file://, https://"):
        source_named("qqqq://x")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:hunter22@ipam/ipam?table=x",
        "postgresql://reader:hunt/er22@ipam/ipam?table=x",
        "postgresql://ipam/ipam?table=x&password=hunter22",
        "https://reader:hunter22@example.com/x.csv",
        "https://:hunter22@example.com/x.csv",
        "https://example.com/x.csv?access_token=hunter22",
        "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=hunter22",
        "https://store/x?sv=1&sig=hunter22",
        "netbox://admin:hunter22@netbox",
        "s3://AKID:hunter22@bucket/x",
        "sftp://reader:hunter22@host/x",
    ],
)
def test_an_address_holds_no_secret(url: str) -> None:
    """It is refused with what to do, and not repeated."""
    with pytest.raises(UsageError, match=r"give credentials=NAME") as caught:
        source_named(url)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:8000/x@y", "http"),
        ("http://[::1]:8000/a@b", "http"),
        ("https://reader@example.com/x", "http"),
        ("/srv/a:b@c.csv", "file"),
        ("https://h/p?tokens=1", "http"),
    ],
)
def test_what_only_looks_like_a_secret_is_none(url: str, name: str) -> None:
    """A port, a user, a path."""
    assert source_named(url).name == name


def test_a_secret_hides_itself() -> None:
    """In its repr, and in every text that has it, whole or in part; who it belongs to may be told."""
    secret = Secret("x", '{"username": "reader", "password": "hunter22", "headers": {"k": "value-9"}}')
    assert "hunter22" not in repr(secret)
    assert secret.hidden("reader said hunter22") == "reader said ***"
    assert secret.member("user", "USER_NAME") == "reader"
    bearer = Secret("x", "Bearer abcdefgh")
    assert bearer.hidden("got 'abcdefgh', not 'Bearer abcdefgh'") == "got '***', not '***'"
    assert Secret("x", "{no json").members == {}
