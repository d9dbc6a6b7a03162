"""A diagnosis of a server: whether it answers, what the key may do, and whether what it needs answers."""

from __future__ import annotations

from collections.abc import Iterator

from api.cli.backends.client import Client
from flows.diagnosis import Check, Verdict
from schemas.errors import CmdbError

_REMEDIES = {
    "database": "Have the server's database started.",
    "prefect": "Have the server's Prefect server started.",
    "worker": "Have a worker started on the server: `cmdb worker`.",
}


def diagnose_server(client: Client) -> Iterator[Check]:
    """Check one part after the other; what cannot be reached ends the checks."""
    try:
        client.get("/healthz")
    except CmdbError as error:
        yield Check("server", Verdict.FAILED, str(error), "Correct CMDB_API_URL, or have the server started.")
        return
    yield Check("server", Verdict.OK, client.server)
    yield _key(client)
    answer = client.request("GET", "/readyz", accepted=lambda answer: answer.status_code in (200, 503))
    for name, found in answer.json()["checks"].items():
        verdict = Verdict.OK if found == "ok" else Verdict.FAILED
        yield Check(name, verdict, found, "" if verdict is Verdict.OK else _REMEDIES.get(name, ""))


def _key(client: Client) -> Check:
    try:
        session = client.get("/api/session")
    except CmdbError as error:
        return Check("key", Verdict.FAILED, str(error), "Set CMDB_API_KEY to a valid key of the server.")
    if not session["keyNeeded"]:
        return Check("key", Verdict.OK, "the server asks for none")
    may = ", ".join(session.get("permissions") or session["scopes"])
    return Check("key", Verdict.OK, f"'{session['name']}' may: {may}")
