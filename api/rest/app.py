"""The facade: an application that triggers flow runs, reads their state, and keeps none of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Lifespan

from api import pages
from api.rest import problems
from api.rest.openapi import describe, operation_id
from api.rest.progress import Watches
from api.rest.root_path import BelowRootPath, check_root_path
from api.rest.routes import (
    exports,
    free_blocks,
    health,
    import_runs,
    imports,
    keys,
    plans,
    records,
    resources,
    runs,
    session,
    syncs,
)
from api.rest.security import access_log
from api.rest.security.access import Access
from api.rest.security.access_log import Audited, AuditLog
from api.rest.security.guard import Guard, check_binding
from api.rest.security.nul import NoNul
from api.rest.service import Service
from api.rest.wording import HEADER, Worded
from deployments.definitions import POOL
from flows.server.fair_queues import take_turns
from flows.server.runs import Runs, prefect
from schemas.errors import CmdbError
from schemas.settings import Settings
from tasks.store.connection.migrate import ensure_upgraded

_TURN = 1.0
"""Seconds between two looks at whose runs wait."""

log = logging.getLogger("cmdb.api")

_ROUTES = (
    *(imports, import_runs, runs, plans, syncs, exports, records),
    *(free_blocks, resources, session, keys, access_log, health),
)


def create(settings: Settings, url: str) -> ASGIApp:
    """Return the application, guarded; raises UsageError where it may not listen as the settings say."""
    ensure_upgraded(url)
    access = Access(settings, url)
    check_binding(settings, any_key=access.needed())
    access_log.enter_settings(url, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with prefect() as client:
            page = settings.prefect_url or str(client.api_url).removesuffix("/").removesuffix("/api")
            runs = Runs(client, url)
            app.state.service = Service(settings, runs, Watches(runs, page), page)
            keeping = [asyncio.create_task(each) for each in (_reap(runs, settings), _take_turns(runs))]
            yield
            for task in keeping:
                task.cancel()

    app = routed(lifespan)
    app.state.settings = settings
    app.state.access = access
    app.state.audit = AuditLog(url, stdout=settings.audit_stdout)
    guarded = _with_cors(Guard(Audited(NoNul(Worded(app)), app.state.audit), settings, access), settings)
    if not settings.path_prefix:
        return guarded
    check_root_path(settings.path_prefix, [*app.openapi()["paths"], *pages.PATHS, str(app.openapi_url)])
    return BelowRootPath(guarded, settings.path_prefix)


def routed(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return the routes with their description, not yet guarded, which need a `lifespan` only to be served."""
    app = FastAPI(
        title="cmdb",
        version=metadata.version("cmdb"),
        summary="Bulk imports and exports of a network CMDB.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    for routes in _ROUTES:
        app.include_router(routes.router)
    pages.mount(app)
    problems.install(app)
    describe(app)
    return app


def _with_cors(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Return the application with the headers for browsers on other origins, where there are any."""
    if not settings.cors_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Range", HEADER],
        expose_headers=["Location", "Content-Disposition"],
    )


async def _reap(runs: Runs, settings: Settings) -> None:
    """End what died, again and again; several processes that do so do no harm."""
    while True:
        try:
            for run in await runs.reap(settings):
                log.warning("run %s was ended: its process had died", run)
        except CmdbError as error:
            log.warning("%s", error)
        await asyncio.sleep(settings.reap_seconds)


async def _take_turns(runs: Runs) -> None:
    """Keep the queues of callers fair; a look takes longer where much waits, and is then taken less often."""
    while True:
        began = time.monotonic()
        try:
            await take_turns(runs.client, POOL)
        except Exception as error:  # whatever keeps Prefect from answering is told by what needs it
            log.debug("the queues keep their order: %s", error)
        await asyncio.sleep(max(_TURN, 10 * (time.monotonic() - began)))
