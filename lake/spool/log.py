"""What the gate writes of a request: its beginning, what was said, its row, in this order.

Nothing here raises or waits: a disk that is full costs prompts and answers first, then memory.
"""

import logging
import threading
from pathlib import Path
from typing import Literal, get_args

from .. import codec
from ..bodies import body as encoding
from ..bodies.body import Body
from ..record import PayloadLogged, Record
from . import segments
from .beginning import Beginning, encode
from .kept import Kept
from .lines import ROLL_SECONDS, Begun, Spool, SpoolError
from .room import Room

# What a power cut may take at most. Redis has the same for its log (`appendfsync everysec`).
SYNC_SECONDS = 1.0

# The encoder writes this once in each line: within a text each quote has a backslash before it.
_NOT_TOLD = b'"payload_logged":null'
_TOLD = {told: b'"payload_logged":"%s"' % told.encode() for told in get_args(PayloadLogged)}

log = logging.getLogger("sekisho.record")


class Log:
    """The log of one process, in the segments of a spool; safe for threads.

    `bodies` is what it keeps of prompts and answers, `most_bytes` the limit of the whole spool, of
    which rows, and nothing else, may use more than four fifths.
    """

    def __init__(
        self,
        folder: Path,
        instance: str,
        *,
        bodies: Literal["full", "hash", "none"],
        most_bytes: int,
        roll_seconds: float = ROLL_SECONDS,
        key: bytes = b"",
    ) -> None:
        """`instance` names this process in the segments' names; with `key` the hashes of prompts
        tell nobody else whether a guess is right. Touches no disk yet.
        """
        self.folder = folder
        self._key = key
        self._mode: Literal["full", "hash", "none"] = bodies
        self._rows = Spool(folder, instance, roll_seconds=roll_seconds)
        self._bodies = Spool(folder / segments.BODIES_FOLDER, instance, roll_seconds=roll_seconds)
        self._room = Room(folder, most_bytes)
        self._kept = Kept(self._rows)
        self._sync_trouble: str | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str | None:
        """Why rows can't be written at the moment, in one line."""
        if self._kept:
            return self._rows.trouble or f"spool {self.folder}: rows wait in memory"
        return self._rows.trouble or self._sync_trouble

    @property
    def shed(self) -> int:
        """How many bodies were left out because there was no room."""
        return self._room.shed

    @property
    def kept(self) -> int:
        """How many rows wait in memory for a disk that refuses them."""
        return len(self._kept)

    @property
    def lost(self) -> int:
        """How many rows will never be there."""
        return self._kept.lost

    def begin(self, beginning: Beginning | Record) -> Begun | None:
        """Write a beginning; a record must have the status `interrupted` and no `end_time`.

        None when the disk refuses it.
        """
        try:
            return self._rows.begin(encode(beginning))
        except SpoolError as error:
            self._room.refused(error.reason)
            return None
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost a request
            _tell(beginning, error)
            return None

    def end(self, record: Record, body: Body | None, begun: Begun | None) -> None:
        """Write what was said, then the row, with what the log has of the former."""
        logged = "none" if body is None or self._mode == "none" else self._log_body(body)
        try:
            line = codec.encode(record).replace(_NOT_TOLD, _TOLD[logged], 1)
            try:
                self._rows.end(begun, line)
            except SpoolError as error:
                self._room.refused(error.reason)
                self._kept.keep(line, begun, str(error))
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost a request
            _tell(record, error)
            self._kept.lose(begun)
        if self._thread is None:
            self._start_syncing()

    def care(self) -> None:
        """Measure the folder, close old segments, try a disk that has refused again.

        Call it every few seconds, not in an event loop.
        """
        for spool in (self._rows, self._bodies):
            try:
                spool.roll_if_due()
            except SpoolError as error:
                log.critical("%s", error)
        self._kept.give_back()
        troubles = (self._rows.trouble, self._bodies.trouble)
        self._room.measure(works=troubles == (None, None) and not self._kept)

    def close(self) -> None:
        """Bring everything to disk and close what no request runs in.

        Requests that run still may end later: see `Spool.rest`.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._sync()
        self._kept.give_up()
        for spool in (self._rows, self._bodies):
            try:
                spool.rest()
            except SpoolError as error:
                log.critical("%s", error)

    def _log_body(self, body: Body) -> PayloadLogged:
        mode: Literal["full", "hash"] = "full" if self._mode == "full" else "hash"
        try:
            if not self._room.is_tight:
                line = encoding.encode(body, mode, self._key)
                if self._room.take(len(line)):
                    self._bodies.append(line)
                    return mode
        except SpoolError as error:
            self._room.refused(error.reason)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost the row
            log.critical(
                "request %s: what was said is not logged: %s",
                body.request_id,
                type(error).__name__,  # its message may be of what was said
            )
            return "none"
        self._room.leave_out()
        return "shed"

    def _start_syncing(self) -> None:
        thread = threading.Thread(target=self._keep_syncing, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads; the next request tries again
            log.critical("the log isn't synced to the disk: %s", error)
        else:
            self._thread = thread

    def _keep_syncing(self) -> None:
        while not self._stopping.wait(SYNC_SECONDS):
            self._sync()

    def _sync(self) -> None:
        if self._kept:
            self._kept.give_back()
        trouble = None
        for spool in (self._bodies, self._rows):
            try:
                spool.sync()
            except SpoolError as error:
                trouble = str(error)
        if trouble is not None and self._sync_trouble is None:
            log.critical("%s", trouble)
        self._sync_trouble = trouble


def _tell(record: Record | Beginning, error: Exception) -> None:
    log.critical(
        "request %s: its row can't be written: %s", record.request_id, type(error).__name__
    )
