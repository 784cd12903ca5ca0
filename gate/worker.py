"""One worker process: everything of a gateway put together, started and stopped."""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import shutil
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.types import Receive, Scope, Send

from .. import config, log_lines
from ..keys.check import Keyring
from ..keys.store import Store
from ..lake.spool import Spool
from ..pricing import catalog
from . import clean, litellm_app
from .app import Gate
from .fleet import Fleet
from .recorder import Recorder

log = logging.getLogger("sekisho.worker")

_CARE_SECONDS = 5.0
_LAST_USED_EVERY = 12  # rounds of care: once a minute
_MINIMUM_FREE = 16 << 20  # bytes of disk: two full segments


class Worker:
    """A gate, LiteLLM behind it, and the care that both need while they run."""

    def __init__(self, configuration: config.Configuration, written: Path) -> None:
        """Put everything together; nothing is started yet.

        `written` is the file that LiteLLM reads; it goes when the worker stops.
        """
        settings = configuration.settings
        self._written = written
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
            master_key=os.environ["LITELLM_MASTER_KEY"],
            ready=self._trouble,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await lifespan(self._running, receive, send)
        else:
            await self._gate(scope, receive, send)

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        try:
            async with litellm_app.running(self._litellm):
                _spare_the_collector()
                care = asyncio.create_task(self._care())
                self._started = True
                try:
                    yield
                finally:
                    self._started = False
                    care.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await care
        finally:
            self._close()

    def _close(self) -> None:
        """Bring everything of ours to disk, whatever LiteLLM's end was like."""
        for close in (self._keyring.save_last_used, self._spool.close, self._store.close):
            _try(close)
        self._written.unlink(missing_ok=True)

    async def _care(self) -> None:
        """Close old spool segments and note when keys were used, for as long as we run."""
        rounds = 0
        while not _is_orphan():
            await asyncio.sleep(_CARE_SECONDS)
            rounds += 1
            _try(self._spool.roll_if_due)
            if rounds % _LAST_USED_EVERY == 0:
                await asyncio.to_thread(_try, self._keyring.save_last_used)
        log.critical("the gateway's first process is gone; this worker stops")
        os.kill(os.getpid(), signal.SIGTERM)

    def _trouble(self) -> str | None:
        """What makes this worker unfit for traffic, in one line; None when nothing does."""
        if not self._started:
            return "starting"
        try:
            self._store.generation()
        except Exception as error:  # noqa: BLE001 - readiness reports whatever is wrong
            return f"keys: {error}"
        return _spool_trouble(self._spool)


def _spool_trouble(spool: Spool) -> str | None:
    if spool.trouble is not None:
        return spool.trouble
    # A folder that is missing is made with the next record.
    here = spool.folder if spool.folder.exists() else spool.folder.parent
    if not here.is_dir() or not os.access(here, os.W_OK | os.X_OK):
        return f"spool: {spool.folder} can't be written"
    if shutil.disk_usage(here).free < _MINIMUM_FREE:
        return f"spool: {spool.folder} has less than {_MINIMUM_FREE >> 20} MiB of disk left"
    return None


def _is_orphan() -> bool:
    """Whether this is one of several workers, and the process that started it is gone."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _try(action: Callable[[], object]) -> None:
    """Do it; an error is told in one line, because what comes after it must be done too."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - see above
        log.critical("%s", log_lines.in_one_line(error))


def _spare_the_collector() -> None:
    """Take what start-up made out of the garbage collector's sight.

    LiteLLM's modules are about a million objects that live as long as the process; walking them
    in each full collection costs CPU and stalls streams (docs/performance.md has the figures).
    """
    gc.collect()
    gc.freeze()


async def lifespan(
    running: Callable[[], AbstractAsyncContextManager[None]], receive: Receive, send: Send
) -> None:
    """The ASGI lifespan protocol around a context manager."""
    await receive()
    phase = "startup"
    try:
        async with running():
            await send({"type": "lifespan.startup.complete"})
            phase = "shutdown"
            await receive()
    except Exception as error:  # noqa: BLE001 - LiteLLM may raise anything
        what = "start" if phase == "startup" else "stop in order"
        log.critical("the gateway can't %s: %s", what, " ".join(str(error).split()))
        await send({"type": f"lifespan.{phase}.failed", "message": ""})
        return
    await send({"type": "lifespan.shutdown.complete"})
