"""From the outbox into the counters: each entry once, whoever brings it and whatever crashes."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ..database import Database
from ..row import KeyStoreError
from . import rows as budget_rows
from .outbox import Outbox
from .rows import Changes, Figures
from .spending import BudgetWarning, Settled, decode
from .windows import Counter

log = logging.getLogger("sekisho.budget")

_AT_ONCE = 1000  # entries in one transaction
_WARN_AT = 80  # percent of a budget


class Counting:
    """Counts the outbox of this machine; safe for threads and processes that do so at once.

    How far an outbox has been counted is written in the transaction that counts it. So a crash
    before its commit counts nothing, and one after it repeats nothing.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        zone: ZoneInfo,
        warn: Callable[[BudgetWarning], None],
    ) -> None:
        """`warn` is called once for a budget's window, in whichever process it happens."""
        self._database = database
        self._outbox = outbox
        self._zone = zone
        self._warn = warn
        self._through = 0

    def count(self, through: int) -> dict[Counter, Figures]:
        """Count entries up to this one at least; the counters' figures. Raises KeyStoreError.

        Costs nothing when another call has already counted that far.
        """
        figures: dict[Counter, Figures] = {}
        while self._through < through:
            more = self._batch()
            if more is None:
                break
            figures |= more
        return figures

    def count_all(self, settled: Iterable[str] = ()) -> set[str]:
        """Count everything that waits, and forget what is counted. Raises KeyStoreError.

        Of these requests, whose costs the outbox has, it tells those whose cost is counted now.
        """
        # Looked at before: what is not in memory now is in the file, and counted below.
        kept = {entry.reservation.id for entry in _decoded(self._outbox.kept())}
        if self._outbox.waiting():
            while self._batch() is not None:
                pass
            # On a full disk nothing can be deleted: a later beat does it.
            with contextlib.suppress(KeyStoreError):
                self._outbox.drop(self._through)
            kept -= self._count_kept()
        return set(settled) - kept

    def _batch(self) -> dict[Counter, Figures] | None:
        """Count the oldest entries; None when there are none."""
        with self._database.writing() as connection:
            name = self._outbox.id
            through = budget_rows.lock_outbox(connection, name)
            entries = self._outbox.entries(through, _AT_ONCE)
            if self._outbox.id != name:
                return {}  # renamed before these entries were written
            if not entries:
                self._through = through
                return None
            through = entries[-1][0]
            figures, warnings = self._add(connection, _decoded(entries))
            budget_rows.counted(connection, name, through)
        self._through = through
        self._tell(warnings)
        return figures

    def _count_kept(self) -> set[str]:
        """Count straight from memory what the file doesn't take; whose costs that were."""
        ids: set[str] = set()
        entries = self._outbox.set_aside()
        for start in range(0, len(entries), _AT_ONCE):
            some = entries[start : start + _AT_ONCE]
            with self._database.writing() as connection:
                through = budget_rows.lock_outbox(connection, self._outbox.memory)
                settled = _decoded([entry for entry in some if entry[0] > through])
                _, warnings = self._add(connection, settled)
                through = max(through, some[-1][0])
                budget_rows.counted(connection, self._outbox.memory, through)
            self._outbox.drop_aside(through)
            self._tell(warnings)
            ids |= {entry.reservation.id for entry in _decoded(some)}
        return ids

    def _add(
        self, connection: Connection, settled: Sequence[Settled]
    ) -> tuple[dict[Counter, Figures], list[BudgetWarning]]:
        """What the counters are with these costs, and what is to be said about that."""
        figures = budget_rows.add(connection, _changes(connection, settled))
        return figures, self._warnings(connection, settled, figures)

    def _warnings(
        self, connection: Connection, settled: Sequence[Settled], figures: dict[Counter, Figures]
    ) -> list[BudgetWarning]:
        """What is to be said about the budgets of these requests, if nobody has said it before."""
        budgets = {b.counter: b for entry in settled for b in entry.reservation.budgets}
        found: list[BudgetWarning] = []
        raised: list[Counter] = []
        for counter, budget in budgets.items():
            spent, _, warned = figures[counter]
            if spent * 100 < budget.limit * _WARN_AT:
                if warned:
                    raised.append(counter)
            elif not warned and budget_rows.warn_first(connection, counter, datetime.now(UTC)):
                found.append(BudgetWarning.of(budget, spent, self._zone))
        budget_rows.unwarn(connection, raised)
        return found

    def _tell(self, warnings: Iterable[BudgetWarning]) -> None:
        for warning in warnings:
            self._warn(warning)


def _changes(connection: Connection, settled: Sequence[Settled]) -> Changes:
    """The costs, less what was held for them."""
    changes = Changes()
    held = [entry.reservation.id for entry in settled if entry.reservation.budgets]
    budget_rows.release(connection, held, changes)
    for cost, reservation in settled:
        for counter in reservation.counters:
            changes.spent[counter] += cost
    return changes


def _decoded(entries: Sequence[tuple[int, bytes]]) -> list[Settled]:
    found: list[Settled] = []
    for number, entry in entries:
        try:
            found.append(decode(entry))
        except (ValueError, TypeError):
            # Once and never again, rather than for ever in the way of all others.
            log.critical("entry %d of the outbox can't be read: a cost is lost", number)
    return found
