"""The parent's end of `ship`: starts that process, starts it again when it dies, and ends it."""

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

log = logging.getLogger("sekisho.shipper")

_PAUSE = 0.5  # seconds before another one starts; doubled when it dies at once
_LONGEST_PAUSE = 30.0
_AT_ONCE = 2.0  # seconds: starting takes half a second
# For the last flush. A process that starts has a second more, see `ship.LAST_FLUSH_SECONDS`.
_PATIENCE = 10.0


class Shipper:
    """The shipping process of a gateway, for as long as the `with` block runs."""

    def __init__(self, spool: Path, lake: str) -> None:
        """Start it. Raises OSError when there can be no further process."""
        self._command = [sys.executable, "-m", "sekisho.lake.shipping.ship", str(spool), lake]
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._given_up = False
        self._started = 0.0
        self._process = self._begin()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """It runs already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it as `stop` does."""
        self.stop()

    @property
    def pid(self) -> int:
        """The process that ships at the moment."""
        return self._process.pid

    def stop(self, patience: float = _PATIENCE) -> None:
        """Let it ship once more and end; kill it when that takes too long."""
        with self._lock:
            self._stopping.set()
            self._close_input()
        self._thread.join(patience)
        if self._thread.is_alive():
            log.error(
                "the last flush took more than %g s and was killed; the rows wait in the spool, "
                "for the next start or: sekisho logs flush",
                patience,
            )
            self._given_up = True
            self._process.kill()
            self._thread.join(1.0)

    def _begin(self) -> "subprocess.Popen[bytes]":
        self._started = time.monotonic()
        # It ends with its input, so also when we are killed.
        return subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 - our own module

    def _keep(self) -> None:
        pause = _PAUSE
        while (code := self._process.wait()) or not self._stopping.is_set():
            if self._given_up:
                return
            was_last = self._stopping.is_set()
            log.critical("the process that ships rows to the lake ended with %s", code)
            if time.monotonic() - self._started > _AT_ONCE:
                pause = _PAUSE
            self._stopping.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            self._replace()
            if was_last:
                self._process.wait()
                return

    def _replace(self) -> None:
        with self._lock:
            self._close_input()
            try:
                self._process = self._begin()
            except OSError as error:
                log.critical("it can't be started again: %s", error.strerror)
            if self._stopping.is_set():
                self._close_input()

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
