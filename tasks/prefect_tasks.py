"""The steps of the engine as Prefect tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar

from prefect import states, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.runtime import task_run
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from schemas.errors import CmdbError, Transient
from schemas.language.outcome_messages import NO_MEMORY, sentence
from schemas.reports import Outcome
from tasks.steps import export, registry, undo

Step = TypeVar("Step", bound=Callable[..., Any])

# Seconds before each further attempt.
_DELAYS = (1, 5, 15)


def _is_transient(task: Any, run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001  # Prefect's signature
    """Say whether a step failed by a passing fault: a lost connection, a deadlock."""
    return isinstance(state.result(raise_on_failure=False), Transient)


def _never(task: Any, run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001  # Prefect's signature
    return False


_RETRIED: dict[str, Any] = {
    "retries": len(_DELAYS),
    "retry_delay_seconds": list(_DELAYS),
    "retry_condition_fn": _is_transient,
}
# A task of no retries logs a stack trace for each failed state that it returns.
_ONCE: dict[str, Any] = {"retries": 1, "retry_condition_fn": _never}


def _as_task(step: Step, name: str, run_name: str, **options: Any) -> Step:
    """Wrap a step as a task; its arguments are live objects and frames, which Prefect must neither hash nor keep."""
    wrapped: Any = task(
        name=name, task_run_name=run_name, cache_policy=NO_CACHE, persist_result=False, **(options or _RETRIED)
    )(_without_trace(step))
    raising: Step = _raising(wrapped)
    return raising


def _raising(called: Any) -> Any:
    """Return a task that raises the error of the failed state in which it ends."""

    @wraps(called.fn)
    def result(*arguments: Any, **named: Any) -> Any:
        value = called(*arguments, **named)
        if isinstance(value, State):
            raise value.result(raise_on_failure=False)
        return value

    return result


def _without_trace(step: Step) -> Step:
    """Return a step that ends in a failed state where its input is wrong: of what is raised, Prefect logs the stack."""

    @wraps(step)
    def ended(*arguments: Any, **named: Any) -> Any:
        try:
            return step(*arguments, **named)
        except Transient as error:
            if task_run.run_count <= len(_DELAYS):
                get_run_logger().warning("Attempt %s of %s: %s", task_run.run_count, len(_DELAYS) + 1, error)
            return states.Failed(data=error, message=str(error))
        except (CmdbError, MemoryError) as error:
            message = str(error) if isinstance(error, CmdbError) else message_of_error(error)
            return states.Failed(data=error, message=message)

    return ended  # type: ignore[return-value]  # it has the signature of the step


def message_of_error(error: BaseException) -> str | None:
    """Return what a person reads about an error that ended a run; None for a fault of the program."""
    if isinstance(error, MemoryError):
        return sentence(Outcome.LIMITED, NO_MEMORY)
    return error.message if isinstance(error, CmdbError) else None


WATCHED = registry.Steps(
    _as_task(registry.extract, "extract", "extract {job.source}"),
    _as_task(registry.fetch, "fetch", "fetch {job.source}"),
    _as_task(registry.read, "read", "read {job.source}"),
    _as_task(registry.map, "map", "map the columns"),
    _as_task(registry.validate, "validate", "validate {shard.title}"),
    _as_task(registry.load, "load", "load"),
)
"""The steps of an import as Prefect tasks, which appear as task runs of the flow run."""

WATCHED_EXPORT = export.Steps(
    _as_task(export.query, "query", "query {chosen.type}", **_ONCE),
    _as_task(export.validate, "validate", "validate {queried.resource.type}", **_ONCE),
    _as_task(export.map, "map", "map {validated.queried.resource.type}", **_ONCE),
    _as_task(export.write, "write", "write {context.job.path.name}", **_ONCE),
)
"""The steps of an export as Prefect tasks. Their frames can be read once, so that no step is tried again."""

watched_undo = _as_task(undo.undo, "undo", "undo {job.run}")
"""An undo, which is one step, as a Prefect task."""


def without_heartbeat() -> AbstractContextManager[Any]:
    """Keep Prefect's heartbeat off, which holds the end of every flow up for up to a second.

    A run whose process died is known by its lock in PostgreSQL.
    """
    return temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
