"""The SQL of budgets: each function is a step of a transaction that others begin and end.

Locks are taken in one order everywhere (outbox, reservations, then counters sorted), and a
counter is changed before it is looked at, so that nobody can change it in between.
"""

from collections import Counter as Sums
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    Connection,
    Table,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from ..tables import outboxes, processes, reservations, spend
from .spending import Reservation
from .windows import Counter

T = TypeVar("T")

# 9 million USD, what 64 bits hold: there a counter stops, rather than everything with an error.
_MOST_SPENT = 9 * 10**18
_OLD_AT_ONCE = 10_000
NO_BEAT = -1
_KEY = (spend.c.scope, spend.c.name, spend.c.window)
_FIGURES = (*_KEY, spend.c.spent, spend.c.reserved, spend.c.warned_at)


class Figures(NamedTuple):
    """What a counter has spent, and what running requests hold of it; in pico-USD.

    `warned` is whether it was told that the budget is nearly spent.
    """

    spent: int
    reserved: int
    warned: bool = False


class Changes:
    """What a transaction will add to counters, by counter."""

    def __init__(self) -> None:
        self.spent = Sums[Counter]()
        self.reserved = Sums[Counter]()

    def rows(self) -> list[dict[str, str | int]]:
        """One row for each counter, sorted, so that no two transactions wait for each other."""
        return [
            {
                **counter._asdict(),
                "spent": min(self.spent[counter], _MOST_SPENT),
                "reserved": self.reserved[counter],
            }
            for counter in sorted({*self.spent, *self.reserved})
        ]


_Inserting = Callable[[Table], sqlite.Insert | postgresql.Insert]


def _for_both(make: Callable[[_Inserting], T]) -> dict[str, T]:
    """A statement in each dialect, made once: making one costs more than running it."""
    return {"sqlite": make(sqlite.insert), "postgresql": make(postgresql.insert)}


def _add(inserting: _Inserting) -> Any:
    statement = inserting(spend)
    more = statement.excluded
    most = spend.c.spent > _MOST_SPENT - more.spent
    return statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "spent": case((most, _MOST_SPENT), else_=spend.c.spent + more.spent),
            "reserved": spend.c.reserved + more.reserved,
        },
    ).returning(*_FIGURES)


def _hold(inserting: _Inserting) -> Any:
    return inserting(reservations).on_conflict_do_nothing().returning(reservations.c.id)


def _beat(inserting: _Inserting) -> Any:
    return inserting(processes).on_conflict_do_update(
        index_elements=[processes.c.id], set_={"beat": processes.c.beat + 1}
    )


def _lock_outbox(inserting: _Inserting) -> Any:
    # Changes nothing; that locks the row, and makes it when there is none, in one statement.
    return (
        inserting(outboxes)
        .on_conflict_do_update(
            index_elements=[outboxes.c.id],
            set_={"applied_through": outboxes.c.applied_through},
        )
        .returning(outboxes.c.applied_through)
    )


_ADD, _HOLD, _BEAT, _LOCK_OUTBOX = map(_for_both, (_add, _hold, _beat, _lock_outbox))
_RELEASE = delete(reservations).returning(reservations.c.amount, reservations.c.counters)
_RELEASE_IDS = _RELEASE.where(reservations.c.id.in_(bindparam("ids", expanding=True)))
_RELEASE_OF = _RELEASE.where(reservations.c.process == bindparam("process"))
_COUNTED = (
    update(outboxes)
    .where(outboxes.c.id == bindparam("outbox"))
    .values(applied_through=bindparam("through"))
)


def add(connection: Connection, changes: Changes) -> dict[Counter, Figures]:
    """Change the counters; what they are now."""
    rows = changes.rows()
    if not rows:
        return {}
    found = connection.execute(_ADD[connection.dialect.name], rows)
    return _figures(found)


def look(
    connection: Connection, counters: Collection[Counter], without: str
) -> dict[Counter, Figures]:
    """What these counters are, but for what this reservation holds, if it is there."""
    rows = connection.execute(select(*_FIGURES).where(tuple_(*_KEY).in_(counters)))
    found = dict.fromkeys(counters, Figures(0, 0)) | _figures(rows)
    mine = select(reservations.c.amount).where(reservations.c.id == without)
    amount = connection.execute(mine).scalar_one_or_none() or 0
    return {c: Figures(f.spent, f.reserved - amount, f.warned) for c, f in found.items()}


def hold(
    connection: Connection, process: str, held: Iterable[Reservation], changes: Changes
) -> None:
    """Write reservations that aren't there yet; `changes` gets what they hold."""
    by_id = {reservation.id: reservation for reservation in held}
    if not by_id:
        return
    rows = [
        {
            "id": reservation.id,
            "process": process,
            "amount": reservation.amount,
            "counters": [budget.counter for budget in reservation.budgets],
        }
        for reservation in by_id.values()
    ]
    for (new,) in connection.execute(_HOLD[connection.dialect.name], rows):
        for budget in by_id[new].budgets:
            changes.reserved[budget.counter] += by_id[new].amount


def release(connection: Connection, ids: Collection[str], changes: Changes) -> None:
    """Delete those of these reservations that are there; `changes` gets what they held."""
    if ids:
        _released(connection.execute(_RELEASE_IDS, {"ids": list(ids)}), changes)


def held_by(connection: Connection, process: str) -> set[str]:
    """The ids of a process's reservations."""
    mine = select(reservations.c.id).where(reservations.c.process == process)
    return set(connection.execute(mine).scalars())


def lock_outbox(connection: Connection, outbox: str) -> int:
    """Up to which entry this outbox has been counted; nobody else counts it until the end."""
    values = {"id": outbox, "applied_through": 0}
    return int(connection.execute(_LOCK_OUTBOX[connection.dialect.name], values).scalar_one())


def counted(connection: Connection, outbox: str, through: int) -> None:
    """Remember up to which entry this outbox has been counted."""
    connection.execute(_COUNTED, {"outbox": outbox, "through": through})


def warn_first(connection: Connection, counter: Counter, now: datetime) -> bool:
    """Whether this is the first warning about a counter; the next ones aren't."""
    first = update(spend).where(tuple_(*_KEY) == tuple_(*counter), spend.c.warned_at.is_(None))
    return connection.execute(first.values(warned_at=now)).rowcount == 1


def unwarn(connection: Connection, counters: Collection[Counter]) -> None:
    """Let the next warning about these counters be a first one."""
    if counters:
        warned = update(spend).where(tuple_(*_KEY).in_(counters))
        connection.execute(warned.values(warned_at=None))


def beat(connection: Connection, process: str) -> None:
    """Move a process's beat on."""
    connection.execute(_BEAT[connection.dialect.name], {"id": process, "beat": 1})


def beats(connection: Connection) -> dict[str, int]:
    """Every process that has a beat or reservations, with its beat or NO_BEAT."""
    known = select(processes.c.id, processes.c.beat)
    unknown = select(reservations.c.process, literal(NO_BEAT)).distinct()
    silent = unknown.where(reservations.c.process.not_in(select(processes.c.id)))
    return {row.id: row.beat for row in connection.execute(union_all(known, silent))}


def end_process(connection: Connection, process: str) -> None:
    """Delete a process's beat."""
    connection.execute(delete(processes).where(processes.c.id == process))


def bury(connection: Connection, process: str, beat: int, changes: Changes) -> None:
    """Delete a dead process's beat, and release what it held; nothing when it moved after all."""
    row = delete(processes).where(processes.c.id == process, processes.c.beat == beat)
    if connection.execute(row).rowcount == 1 or beat == NO_BEAT:
        _released(connection.execute(_RELEASE_OF, {"process": process}), changes)


def drop_windows(connection: Connection, before: str) -> bool:
    """Delete counters of days before a day, or of months before a month; False for all done."""
    old = (func.length(spend.c.window) == len(before), spend.c.window < before)
    keys = select(*_KEY).where(*old, spend.c.reserved == 0).limit(_OLD_AT_ONCE)
    found = connection.execute(delete(spend).where(tuple_(*_KEY).in_(keys)))
    return found.rowcount == _OLD_AT_ONCE


def _figures(rows: Iterable[Any]) -> dict[Counter, Figures]:
    return {
        Counter(row.scope, row.name, row.window): Figures(
            row.spent, row.reserved, row.warned_at is not None
        )
        for row in rows
    }


def _released(rows: Iterable[Any], changes: Changes) -> None:
    for row in rows:
        for counter in row.counters:
            changes.reserved[Counter(*counter)] -= row.amount
