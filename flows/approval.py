"""Approval of a held sync in Prefect: its run is suspended as *Held* with a form, and ends as somebody has decided.

The decision is in the ledger, whichever way it came in: Prefect's form, the API, the page or the command line. The
first one wins; the suspended run then ends with who decided and why. A suspended run has no process and takes no
worker's place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from httpx import HTTPError
from prefect import states, tags
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, Pause, PrefectException, PrefectHTTPStatusError
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_base_key
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.utilities.engine import propose_state_sync
from pydantic import Field, ValidationError
from pydantic_core import from_json, to_json
from sqlalchemy import Connection

from flows.commands import OPERATORS
from flows.registry import HELD
from flows.server.standing import OWNER_TAG
from schemas.errors import CmdbError, Forbidden, UsageError
from schemas.job_options.choices import Drift, Verdict
from schemas.jobs import ApplyJob
from schemas.language.outcome_messages import counts_sentence
from schemas.language.remedies import worded
from schemas.reports import Decision, Outcome
from schemas.settings import settings
from tasks.markdown import escaped
from tasks.store import ledger
from tasks.store.access import access_log
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine
from tasks.store.connection.session import Session

_EXPIRED = "Nobody approved it in time (CMDB_HELD_PLAN_HOURS); nothing was changed."
_DIED = "The process of the run ended before its plan was applied. The run still awaits approval."
_UNSIGNED = (
    "With CMDB_FOUR_EYES, a sync is approved in cmdb, by its page, its API or `cmdb approve`: "
    "Prefect does not know who fills in its form."
)

# A line, and a text of several, without what a terminal would carry out and what PostgreSQL cannot hold.
_LINE, _TEXT = r"^[^\x00-\x1f\x7f]*$", r"^[^\x00-\x08\x0b-\x1f\x7f]*$"

Apply = Callable[[ApplyJob], State[Any]]
"""Runs the flow that applies a plan; returns its state at the end."""


class Approval(RunInput):
    """The form of a held run."""

    name: str = Field(
        title="Your name", min_length=1, max_length=255, pattern=_LINE, description="Who decides, for the ledger."
    )
    decision: Literal["approve", "reject"] = Field(
        "approve", title="Decision", description="Approving applies exactly the plan."
    )
    reason: str = Field("", title="Reason", max_length=1000, pattern=_TEXT, description="Required to reject.")
    changed_records: Literal["refuse", "skip", "rebase"] = Field(
        "refuse",
        title="Records changed since the plan was made",
        description="refuse: apply nothing; skip: leave them out; rebase: plan them again.",
    )


# Suspending -----------------------------------------------------------------------------------------------------------


def hold(run_id: UUID, message: str) -> Pause:
    """Suspend the present run until somebody decides; returns what its flow has to raise.

    A run without a deployment, such as one of the command line, cannot be suspended: see `can_be_held`.
    """
    with get_client(sync_client=True) as client:
        held = propose_state_sync(client, _suspended(client, run_id, message), run_id)
        # Somebody may have decided by another way before the run was suspended.
        with database(settings()) as url:
            _settle(client, url, run_id)
    return Pause(state=held)


def _suspended(client: SyncPrefectClient, run_id: UUID, message: str) -> State[Any]:
    """Return the state of a run that is held, whose form Prefect has by then."""
    keyset = keyset_from_base_key(f"held-{uuid4().hex}")
    # Not by `RunInput.save`, which leaves everything to a coroutine where a flow in this process is one.
    for key, value in ((keyset["schema"], Approval.model_json_schema()), (keyset["description"], escaped(message))):
        client.create_flow_run_input(run_id, key, to_json(value).decode())
    details = StateDetails(run_input_keyset=keyset)
    return states.Paused(name=HELD, reschedule=True, pause_key=uuid4().hex, message=message, state_details=details)


def can_be_held() -> bool:
    """Whether Prefect can suspend the present run: one of a deployment, which a worker can start again."""
    return deployment.id is not None


# Resuming -------------------------------------------------------------------------------------------------------------


def is_resumed() -> bool:
    """Whether the present run goes on after it was suspended."""
    context = FlowRunContext.get()
    known = context.flow_run if context else None
    return bool(known and known.empirical_policy.pause_keys)


def resume(run_id: UUID, apply: Apply) -> State[Any]:
    """Do what was decided about a held run; returns its last state, or raises Pause where it is held again.

    What keeps a decision from being carried out, such as records that changed since, is the message of its next state.
    """
    with database(settings()) as url:
        problem = None
        if (ended := _ended(url, run_id)) is None:
            try:
                problem = _decide(url, run_id, _answer(run_id), apply)
            except CmdbError as error:
                problem = worded(error.message, OPERATORS)
            ended = _ended(url, run_id)
    if ended is not None:
        return ended
    problem = problem or "The plan was not applied."
    get_run_logger().warning("%s", problem)
    raise hold(run_id, f"{problem} The run still awaits approval.")


def _answer(run_id: UUID) -> Approval:
    """Return what the form was filled in with last; raises UsageError where that is nothing."""
    with get_client(sync_client=True) as client:
        held = [state for state in client.read_flow_run_states(run_id) if state.type is StateType.PAUSED]
        keyset = held[-1].state_details.run_input_keyset if held else None
        try:
            return Approval.model_validate(from_json(client.read_flow_run_input(run_id, (keyset or {})["response"])))
        except (KeyError, ValidationError, PrefectHTTPStatusError) as error:
            raise UsageError("The run was resumed without its form: nothing was decided.") from error


def _decide(url: str, run_id: UUID, answer: Approval, apply: Apply) -> str | None:
    """Record a decision and carry it out; returns what kept it from being applied."""
    by = f"{answer.name} (in Prefect)"
    if answer.decision == "reject":
        decision = Decision(Verdict.REJECTED, by, datetime.now(UTC), answer.reason or None)
        with database_errors(), engine(url).begin() as connection:
            ledger.reject(connection, run_id, decision)
            _enter(connection, "rejection", run_id, answer)
        return None
    if settings().four_eyes:
        raise Forbidden(_UNSIGNED)
    with database_errors(), engine(url).begin() as connection:
        _enter(connection, "approval", run_id, answer)
    job = ApplyJob(plan=run_id, moved=Drift(answer.changed_records), requested_by=by, reason=answer.reason or None)
    owner = [tag for tag in flow_run.tags if tag.startswith(OWNER_TAG)]
    # The lock says that this run lives; the run that applies the plan has one of its own.
    with Session(url, run_id), tags(*owner):
        state = apply(job)
    return None if state.is_completed() else state.message


def _enter(connection: Connection, what: str, run_id: UUID, answer: Approval) -> None:
    detail = {"reason": answer.reason} if answer.reason else {}
    event = access_log.Event(what, who=answer.name, target=str(run_id), address="Prefect's form", detail=detail)
    access_log.add(connection, [event])


# Ending ---------------------------------------------------------------------------------------------------------------


def settle(run_id: UUID, url: str) -> None:
    """End the suspended run of a held sync, if the ledger has a decision about it, or its time is over.

    A server that does not answer is tried again by the flow `maintenance`.
    """
    try:
        with get_client(sync_client=True) as client:
            _settle(client, url, run_id)
    except (HTTPError, PrefectException):
        return


def _settle(client: SyncPrefectClient, url: str, run_id: UUID) -> None:
    try:
        state = client.read_flow_run(run_id).state
    except ObjectNotFound:  # a run without Prefect
        return
    if state is None or state.type is not StateType.PAUSED or state.name != HELD:
        return
    if ended := _ended(url, run_id):
        client.set_flow_run_state(run_id, ended, force=True)


def survives(run_id: UUID, url: str) -> bool:
    """End a held run whose process died as it was decided, or hold it again; False for a run that was not held."""
    with database_errors(), engine(url).connect() as connection:
        known = ledger.status_of(connection, run_id) is not None
        if not known or ledger.read_report(connection, run_id, samples=0).outcome is not Outcome.HELD:
            return False
    with get_client(sync_client=True) as client:
        if client.read_flow_run(run_id).deployment_id is None:
            return False
        state = _ended(url, run_id) or _suspended(client, run_id, _DIED)
        client.set_flow_run_state(run_id, state, force=True)
    return True


def _ended(url: str, run_id: UUID) -> State[Any] | None:
    """Return the last state of a held run; None while its plan can still be approved."""
    with database_errors(), engine(url).connect() as connection:
        plan = ledger.read_report(connection, run_id, samples=0).plan
        done = ledger.read_report(connection, UUID(plan.applied), samples=0) if plan and plan.applied else None
        is_kept = ledger.is_kept(connection, run_id)
    decision = plan.decision if plan else None
    if done:
        by = decision.sentence if decision else "Approved."
        return states.Completed(message=f"{by} {counts_sentence(done)}, by run {done.run_id}")
    if decision and decision.verdict is Verdict.REJECTED:
        return states.Cancelled(name="Rejected", message=f"{decision.sentence} Nothing was changed.")
    return None if is_kept else states.Failed(name="Expired", message=_EXPIRED)
