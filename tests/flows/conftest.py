"""Fixtures of the tests of `flows`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from schemas.settings import settings
from tasks.store.connection.engine import close_engine
from tests.aws import Document, describe_documents
from tests.conftest import temporary_home
from tests.databases import database
from tests.records import store_two_of_each_type


@pytest.fixture(scope="session")
def template_of_each_type(postgres_url: str, template_database: str) -> Iterator[str]:
    """The name of a database with two records of every type, which others are copied from."""
    with database(postgres_url, template_database) as url:
        # Made before any test has an environment of its own.
        with pytest.MonkeyPatch.context() as patch, temporary_home() as home:
            patch.setenv("CMDB_HOME", str(home))
            settings.cache_clear()
            store_two_of_each_type(url, home)
        settings.cache_clear()
        close_engine(url)  # a database to which somebody is connected can't be copied
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def two_of_each_type(postgres_url: str, template_of_each_type: str) -> Iterator[str]:
    """The address of a database with two records of every type, which no test changes."""
    with database(postgres_url, template_of_each_type) as url:
        yield url


@pytest.fixture
def each_type_stored(postgres_url: str, template_of_each_type: str) -> Iterator[str]:
    """The address of a test's own database with two records of every type, which it may change."""
    with database(postgres_url, template_of_each_type) as url:
        yield url


@pytest.fixture(scope="session")
def aws_documents() -> dict[str, Document]:
    """The document of each AWS type, as moto's server answers."""
    return describe_documents()
