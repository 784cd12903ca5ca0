"""One worker process: everything of a gateway put together, started and stopped."""

import asyncio
import contextlib
import gc
import hashlib
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.types import Receive, Scope, Send

from .. import config, fallbacks, log_lines
from ..keys.budgets.ledger import Ledger
from ..keys.budgets.outbox import Outbox
from ..keys.check import Keyring
from ..keys.rates.meter import Meter
from ..keys.store import Store
from ..lake.spool.log import Log
from ..pricing import catalog
from ..untyped import mapping
from . import alerts, background, clean, health, litellm_app
from .allowance import Allowance
from .app import Gate
from .fleet import Fleet
from .mcp import McpLine
from .mcp_app import McpApp
from .metrics import Metrics
from .recorder import Recorder

log = logging.getLogger("sekisho.worker")

_CARE_SECONDS = 5.0
_BEAT_SECONDS = 2.0
_LAST_USED_EVERY = 12  # rounds of care: once a minute
_END_SECONDS = 4.0  # at the most for each thing that needs the key store, when we stop


class Worker:
    """A gate, LiteLLM behind it, and the care that both need while they run."""

    def __init__(self, configuration: config.Configuration, written: Path) -> None:
        """Put everything together; nothing is started yet.

        `written` is the file that LiteLLM reads; it goes when the worker stops.
        """
        settings = configuration.settings
        self._written = written
        self._litellm = configuration.litellm
        self._repairs_off = settings.repairs_off
        instance = f"{socket.gethostname()}-{os.getpid()}"
        self._store = Store(settings.database_url)
        self._keyring = Keyring(self._store)
        self._log = Log(
            settings.spool,
            instance,
            bodies=settings.log_bodies,
            most_bytes=settings.spool_bytes,
            # The shipper comes every ship_seconds: so a record waits for hardly more.
            roll_seconds=settings.ship_seconds / 5,
            key=hashlib.sha256(f"llm_payload:{os.environ['LITELLM_MASTER_KEY']}".encode()).digest(),
        )
        self._metrics = Metrics(settings.spool)
        self._outbox = Outbox(settings.home / "spend.db")
        self._ledger = Ledger(
            self._store.database,
            self._outbox,
            f"{instance}-{secrets.token_hex(4)}",
            settings.time_zone,
            is_away=lambda: not self._keyring.available,
            warn=alerts.Alerts(settings.budget_webhook, self._store, self._metrics).warn,
        )
        self._meter = Meter.open(settings.home, settings.redis_url, instance)
        chains = fallbacks.of(configuration.litellm)
        fleet = Fleet(configuration.deployments, catalog.load(), chains)
        longest = settings.budget_max_tokens
        self._started = False
        self._stopping = threading.Event()
        self._mcp = McpApp(mapping(self._litellm.get("mcp_servers")), settings.max_body_bytes)
        allowance = Allowance(settings.policy, self._meter, self._ledger, fleet, longest)
        recorder = Recorder(fleet, self._log, instance)
        self._gate = Gate(
            settings=settings,
            keyring=self._keyring,
            fleet=fleet,
            cleaner=clean.Cleaner(litellm_app.litellm_fields()),
            allowance=allowance,
            recorder=recorder,
            metrics=self._metrics,
            inner=litellm_app.build(),
            mcp=McpLine(settings, self._keyring, allowance, recorder, self._mcp),
            master_key=os.environ["LITELLM_MASTER_KEY"],
            health=lambda: health.readiness(self._started, self._keyring.away_for, self._log),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await lifespan(self._running, receive, send)
        else:
            await self._gate(scope, receive, send)

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        asyncio.get_running_loop().set_exception_handler(background.tell)
        try:
            async with (
                litellm_app.running(self._litellm, self._repairs_off),
                self._mcp.running(),
            ):
                _spare_the_collector()
                # Daemons: a key store that hangs must not keep a gateway that was told to stop.
                threads = [
                    threading.Thread(target=t, daemon=True) for t in (self._watch, self._beat)
                ]
                for thread in threads:
                    thread.start()
                care = asyncio.create_task(self._care())
                self._started = True
                try:
                    yield
                finally:
                    self._started = False
                    self._stopping.set()
                    care.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await care
                    await asyncio.to_thread(_join, threads)
        finally:
            await self._meter.close()
            self._close()

    def _close(self) -> None:
        """Bring everything of ours to disk, whatever LiteLLM's end was like.

        What the key store doesn't take in time stays in the outbox, for the next start.
        """
        _try(self._log.close)
        self._keyring.close()
        _try_for_a_while("counting the last costs", self._ledger.close)
        if self._keyring.available:
            _try_for_a_while("noting when keys were used", self._keyring.save_last_used)
        _try(self._outbox.close)
        _try_for_a_while("leaving the key store", self._store.close)
        self._written.unlink(missing_ok=True)

    def _watch(self) -> None:
        """Learn what other processes change in the key store, for as long as we run."""
        self._keyring.watch(self._stopping)

    def _beat(self) -> None:
        """Bring costs to the key store, and tell it that we live, for as long as we run."""
        while not self._stopping.wait(_BEAT_SECONDS):
            if self._keyring.available:
                _try(self._ledger.beat)
            _try(lambda: self._metrics.now(sekisho_spend_waiting=self._outbox.waiting()))

    async def _care(self) -> None:
        """Take care of the log and note when keys were used, for as long as we run."""
        rounds = 0
        while not _is_orphan():
            self._metrics.now(
                sekisho_key_store_up=self._keyring.available,
                sekisho_shared_limits_up=not self._meter.degraded,
            )
            await asyncio.to_thread(_try, self._log.care)
            self._metrics.logged(self._log.shed, self._log.lost, self._log.kept)
            await asyncio.sleep(_CARE_SECONDS)
            rounds += 1
            await self._meter.beat()
            if rounds % _LAST_USED_EVERY == 0 and self._keyring.available:
                await asyncio.to_thread(_try, self._keyring.save_last_used)
        log.critical("the gateway's first process is gone; this worker stops")
        os.kill(os.getpid(), signal.SIGTERM)


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


def _try_for_a_while(what: str, action: Callable[[], object]) -> None:
    """Do it, but go on without it when it takes too long."""
    thread = threading.Thread(target=_try, args=(action,), daemon=True)
    thread.start()
    thread.join(_END_SECONDS)
    if thread.is_alive():
        log.critical("%s took longer than %g s; the gateway stops without", what, _END_SECONDS)


def _join(threads: Sequence[threading.Thread]) -> None:
    """Wait until they end, but for a while only."""
    end = time.monotonic() + _END_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _spare_the_collector() -> None:
    """Take what start-up made out of the garbage collector's sight.

    LiteLLM's modules are about a million objects that live as long as the process; walking them
    in each full collection costs CPU and stalls streams (docs/performance.md has the figures).
    """
    gc.collect()
    gc.freeze()
    gc.enable()  # `entry.create` has stopped it


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
