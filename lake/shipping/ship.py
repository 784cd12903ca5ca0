"""The process beside the workers: brings finished records from the spool to the lake.

`python -m sekisho.lake.shipping.ship SPOOL LAKE` works until its standard input ends, which
it does when its parent stops or dies. Signals that reach a whole group of processes don't end it:
its last flush comes after the workers' last rows. `sekisho logs ship` runs the same in a sidecar.

Of several for one spool one works (`spool/ship.lock`); the others wait for its end.
"""

import logging
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ... import config, log_lines
from ...settings import Settings, SettingsError
from .. import place
from ..place import LakeError
from ..spool import segments
from ..stores.store import Denied, open_store
from ..upkeep.tidy import Tidier
from . import progress
from .carry import Carrier, Kept
from .flush import Busy, Round, alone, no_step
from .free import Free
from .progress import Progress

LAST_FLUSH_SECONDS = 8.0
"""How long a gateway that ends waits for a slow lake; what is left waits in the spool."""

_LONGEST_PAUSE = 60.0
_LOOK_SECONDS = 1.0
_HEARTBEAT_SECONDS = 10.0

log = logging.getLogger("sekisho.ship")

Sleep = Callable[[float], bool]
"""Wait so many seconds; False as soon as this process should end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ship and how; `seconds` is SEKISHO_SHIP_SECONDS, days are kept so long (0: ever)."""

    spool: Path
    lake: str
    kept: Kept = field(default_factory=Kept)
    seconds: float = 300.0
    usage_days: int = 0
    payload_days: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Plan":
        """As an operator has set it."""
        return cls(
            settings.spool,
            settings.lake,
            Kept(settings.log_media, settings.redact),
            settings.ship_seconds,
            settings.usage_days,
            settings.payload_days,
        )


class Ship:
    """Ships a spool for as long as it may."""

    def __init__(self, plan: Plan, sleep: Sleep) -> None:
        """Nothing is done yet. Raises LakeError for a lake that can't be."""
        self._plan = plan
        self._sleep = sleep
        self._carrier = Carrier(plan.spool, open_store(plan.lake), plan.kept, no_step)
        self._since = datetime.now(UTC)
        self._next = 0.0  # when a batch is due that isn't large, in monotonic seconds
        self._refused = 0
        self._told = ""
        self._heart = 0.0
        self._tidier = None if place.is_s3(plan.lake) else _tidier(plan)

    def run(self) -> None:
        """Ship until told to end, and then what is there at once."""
        with _elected(self._plan.spool, self._sleep) as elected:
            pause = 0.0
            while elected and self._sleep(pause):
                pause = self._attempt()
            if elected:
                self._last()
        if self._tidier is not None:
            self._tidier.stop()

    def _attempt(self) -> float:
        """One look; how long to wait before the next, in seconds."""
        self._beat()
        now = time.monotonic()

        is_time = now >= self._next

        def is_due(found: Free) -> bool:
            # Much, at once; little, once in SEKISHO_SHIP_SECONDS: the lake's files stay few.
            if is_time:
                self._next = now + self._plan.seconds
            return is_time or found.is_much

        try:
            self._round(float("inf"), is_due, patience=0)
        except Busy:
            return _LOOK_SECONDS
        except Exception as error:  # noqa: BLE001 - the next round may do better
            if isinstance(error, Denied):
                self._open_again()
            return self._tell(error)
        if self._refused:
            log.warning("the lake takes records again, after %d attempts", self._refused)
        self._refused, self._told = 0, ""
        if self._tidier is not None:
            self._tidier.look(datetime.now(UTC))
        return min(_LOOK_SECONDS, self._plan.seconds / 4)

    def _round(self, deadline: float, is_due: Callable[[Free], bool], patience: float) -> None:
        with alone(self._plan.spool, patience):
            done = Round(self._plan.spool, self._carrier, deadline=deadline).run(is_due)
        if done.batches:
            log.info("%d records are in the lake", done.records)

    def _open_again(self) -> None:
        """A store reads credentials once: those that a person has mended since need a new one."""
        with suppress(LakeError):  # the old one will tell
            self._carrier.store = open_store(self._plan.lake)

    def _last(self) -> None:
        """What is there when the workers have gone, with less patience: someone waits for us."""
        self._carrier.drop()
        try:
            store = open_store(self._plan.lake, read_seconds=LAST_FLUSH_SECONDS / 2, attempts=1)
            self._carrier = Carrier(self._plan.spool, store, self._plan.kept, no_step)
            deadline = time.monotonic() + LAST_FLUSH_SECONDS
            self._round(deadline, lambda _free: True, patience=LAST_FLUSH_SECONDS / 2)
        except Exception as error:  # noqa: BLE001 - it ends in any case
            self._tell(error)
        finally:
            self._carrier.drop()

    def _tell(self, error: Exception) -> float:
        """Say what is wrong, once as long as it is the same; the seconds to wait before again."""
        self._refused += 1
        words = str(error) if isinstance(error, LakeError) else log_lines.in_one_line(error)
        if words != self._told:
            # Denied needs a person: nothing mends itself there.
            level = logging.CRITICAL if isinstance(error, Denied) else logging.ERROR
            log.log(level, "%s (records wait in the spool; it is tried again)", words)
            self._told = words
        return min(2.0 ** min(self._refused, 9), _LONGEST_PAUSE) * random.uniform(0.5, 1)  # noqa: S311

    def _beat(self) -> None:
        """Tell that we live."""
        now = time.monotonic()
        if now < self._heart:
            return
        self._heart = now + _HEARTBEAT_SECONDS
        at = datetime.now(UTC)
        known = progress.read(self._plan.spool) or Progress(at=at, alive_since=self._since)
        progress.write(self._plan.spool, replace(known, at=at, alive_since=self._since))


def _tidier(plan: Plan) -> Tidier:
    return Tidier(plan.lake, plan.spool / "compact", plan.usage_days, plan.payload_days)


@contextmanager
def _elected(spool: Path, sleep: Sleep) -> Generator[bool]:
    """Wait to be the spool's shipper; False when it is over before. Raises OSError."""
    descriptor = os.open(spool / "ship.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        waits, goes_on = False, True
        while goes_on and not segments.lock(descriptor):
            if not waits:
                log.warning("another process ships the spool %s; waiting for its end", spool)
            waits = True
            goes_on = sleep(_LOOK_SECONDS)
        yield goes_on
    finally:
        os.close(descriptor)


def run(plan: Plan, sleep: Sleep) -> None:
    """Ship until `sleep` says that it is over. Raises LakeError: no such lake, no such spool."""
    try:
        plan.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        Ship(plan, sleep).run()
    except OSError as error:
        raise LakeError(f"spool {plan.spool}: {error.strerror}") from error


def _until_input_ends(seconds: float) -> bool:
    readable, _, _ = select.select([sys.stdin], [], [], seconds)
    return not readable


def main(spool: Path, lake: str) -> None:
    """The process of a gateway: ends with its standard input, and with no signal."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    log_lines.set_up()
    try:
        plan = Plan.of(config.load_settings())
        run(replace(plan, spool=spool, lake=lake), _until_input_ends)
    except (LakeError, SettingsError, config.ConfigurationError) as error:
        log.critical("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
