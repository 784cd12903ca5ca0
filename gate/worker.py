"""One worker process: everything of a gateway put together, started and stopped."""

import asyncio
import contextlib
import gc
import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.types import Receive, Scope, Send

from .. import config
from ..keys.check import Keyring
from ..keys.row import KeysUnavailable
from ..keys.store import Store
from ..lake.spool import Spool, SpoolError
from ..pricing import catalog
from . import clean, litellm_app
from .app import Gate
from .fleet import Fleet
from .recorder import Recorder

log = logging.getLogger("sekisho.worker")

_CARE_SECONDS = 5.0
_LAST_USED_EVERY = 12  # rounds of care: once a minute


class Worker:
    """A gate, LiteLLM behind it, and the care that both need while they run."""

    def __init__(self, configuration: config.Configuration) -> None:
        """Put everything together; nothing is started yet."""
        settings = configuration.settings
        self._litellm = configuration.litellm
        self._store = Store(settings.database_url)
        self._keyring = Keyring(self._store)
        instance = f"{socket.gethostname()}-{os.getpid()}"
        self._spool = Spool(settings.spool, instance)
        fleet = Fleet(configuration.deployments, catalog.load())
        self._started = False
        self._gate = Gate(
            settings=settings,
            keyring=self._keyring,
            fleet=fleet,
            cleaner=clean.Cleaner(litellm_app.litellm_fields()),
            recorder=Recorder(fleet, self._spool, instance),
            inner=litellm_app.build(),
            ready=self._trouble,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await _lifespan(self._running, receive, send)
        else:
            await self._gate(scope, receive, send)

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        async with litellm_app.running(self._litellm):
            _spare_the_collector()
            care = asyncio.create_task(self._care())
            self._started = True
            yield
            self._started = False
            care.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await care
        self._save_last_used()
        self._spool.close()
        self._store.close()

    async def _care(self) -> None:
        """Close old spool segments and note when keys were used, for as long as we run."""
        rounds = 0
        while True:
            await asyncio.sleep(_CARE_SECONDS)
            rounds += 1
            try:
                self._spool.roll_if_due()
            except SpoolError as error:
                log.critical("%s", error)
            if rounds % _LAST_USED_EVERY == 0:
                await asyncio.to_thread(self._save_last_used)

    def _save_last_used(self) -> None:
        try:
            self._keyring.save_last_used()
        except KeysUnavailable as error:
            log.error("when keys were last used could not be saved: %s", error)

    def _trouble(self) -> str | None:
        """What makes this worker unfit for traffic, in one line; None when nothing does."""
        if not self._started:
            return "starting"
        try:
            self._store.generation()
        except Exception as error:  # noqa: BLE001 - readiness reports whatever is wrong
            return f"keys: {error}"
        if not os.access(self._spool.folder.parent, os.W_OK):
            return f"spool: {self._spool.folder} can't be written"
        return None


def _spare_the_collector() -> None:
    """Take what start-up made out of the garbage collector's sight.

    LiteLLM's modules are about a million objects that live as long as the process; walking them
    in each full collection costs CPU and stalls streams (docs/performance.md has the figures).
    """
    gc.collect()
    gc.freeze()


async def _lifespan(
    running: Callable[[], AbstractAsyncContextManager[None]], receive: Receive, send: Send
) -> None:
    """The ASGI lifespan protocol around a context manager."""
    await receive()
    try:
        async with running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as error:  # noqa: BLE001 - LiteLLM's start may raise anything
        log.critical("the gateway can't start: %s", " ".join(str(error).split()))
        await send({"type": "lifespan.startup.failed", "message": ""})
        return
    await send({"type": "lifespan.shutdown.complete"})
