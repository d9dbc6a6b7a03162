"""Credentials: the secret of a name, from the environment or from a block of Prefect."""

from __future__ import annotations

import re
from typing import Any

import orjson

from schemas.access.secret import Secret
from schemas.errors import Unavailable, UsageError
from schemas.kept_sources import block_named
from schemas.settings import SECRET_PREFIX, prefect_variables, secret_variable

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


def secret_named(name: str) -> Secret:
    """Return the secret of that name; raises UsageError with what to do where there is none.

    It is looked up each time, so that a secret that was changed holds from the next run on. `block:NAME` stands for the
    credentials of a source that Prefect keeps.
    """
    if kept := block_named(name):
        return _of_source(kept)
    if not _NAME.fullmatch(name):
        # What is no name may be the secret itself: it is not repeated.
        raise UsageError("credentials is the name of a secret: letters, digits, - and _, such as core-netbox.")
    variable = SECRET_PREFIX + re.sub(r"\W|-", "_", name).upper()
    text = secret_variable(variable) or _of_prefect(name)
    if not text:
        raise UsageError(
            f"Unknown secret '{name}': set {variable}, or create a Prefect block of type Secret with that name.",
            secret=name,
        )
    return Secret(name, text)


def _of_source(name: str) -> Secret:
    from tasks.security.source_block import source_block

    found = source_block(name).credentials
    if found is None:
        raise UsageError(f"The block '{name}' has no credentials.")
    return Secret(name, found.get_secret_value())


def _of_prefect(name: str) -> str | None:
    """The value of a Secret block; only where a server is named, as reading it would otherwise start one."""
    if not prefect_variables().api_url:
        return None
    from httpx import HTTPError
    from prefect.blocks.system import Secret as Block

    load: Any = Block.load  # its type leaves out how to be synchronous in any place
    try:
        # Names of blocks have no other signs.
        value = load(name.lower().replace("_", "-"), _sync=True).get()
    except ValueError:
        return None
    except HTTPError as error:
        raise Unavailable(
            f"The Prefect server, which may hold the secret '{name}', does not answer: is it running?", secret=name
        ) from error
    return value if isinstance(value, str) else orjson.dumps(value).decode()
