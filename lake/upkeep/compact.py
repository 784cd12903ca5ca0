"""Compaction: each past day's batch files become one file, and later they go.

A run writes `day.parquet` for days that have batches which it lacks; a later run, when that file
is an hour old, deletes the batch files that it has. So a query that listed the files before the
change still finds them. Being killed at any step, or running twice at once, loses and doubles
nothing: the change is one conditional PUT, and only what it contains is ever deleted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from ..place import LakeError
from ..stores.store import Item, Store
from . import days, retention, whole_day
from .days import Day
from .retention import Expired
from .whole_day import Fetched

PATIENCE = timedelta(hours=1)
"""How long the files that a whole day replaces stay, for queries that already run."""

_FAILURES = 3  # days in a row: then it isn't the days


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a run did (or, tried dry, would do).

    `days` got a new whole file, made also of `files` batches that it didn't have; `records` are
    the rows of these days, `doubles` those that had been there twice. `deleted` batch files were
    in a whole day for long enough, `waiting` ones are for a later run.
    """

    days: tuple[date, ...] = ()
    files: int = 0
    records: int = 0
    doubles: int = 0
    deleted: int = 0
    waiting: int = 0

    def __add__(self, other: "Compacted") -> "Compacted":
        """Both together."""
        return Compacted(
            self.days + other.days,
            self.files + other.files,
            self.records + other.records,
            self.doubles + other.doubles,
            self.deleted + other.deleted,
            self.waiting + other.waiting,
        )


def run(
    store: Store,
    work: Path,
    now: datetime,
    *,
    since: date | None = None,
    dry_run: bool = False,
    memory: str = whole_day.MEMORY,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> Compacted:
    """Compact the days before today (UTC) that need it, from `since` on.

    `work` is a folder for two days' files, `memory` DuckDB's limit; `told` hears how many days are
    done, of how many. A day that can't be read doesn't keep the others back. Raises LakeError;
    what was not done is done by the next run.
    """
    items = store.list(f"{days.USAGE}/")
    clock = days.clock(items, now)
    wanted = [day for day in days.find(items) if _needs_a_look(day, now, since)]
    total, failed, row = Compacted(), list[str](), 0
    for number, day in enumerate(wanted):
        told(number, len(wanted))
        try:
            total += _day(store, work, day, clock, dry_run=dry_run, memory=memory)
            row = 0
        except LakeError as error:
            failed.append(f"{day.folder} {error}")
            row += 1
        if row == _FAILURES:
            break
    told(len(wanted), len(wanted))
    if failed:
        more = f" (and {len(failed) - 1} more such days)" if len(failed) > 1 else ""
        raise LakeError(f"{failed[0]}{more}; mend it and type: sekisho logs compact")
    return total


def tidy(
    store: Store,
    work: Path,
    now: datetime,
    *,
    usage_days: int,
    payload_days: int,
    memory: str = whole_day.MEMORY,
) -> tuple[Compacted, list[Expired]]:
    """What a lake needs once a day: retention first, then compaction of what is left.

    Raises LakeError; the rest is done by the next call.
    """
    gone = retention.run(store, now, usage_days=usage_days, payload_days=payload_days)
    first = retention.first_kept(usage_days, now)
    return run(store, work, now, since=first, memory=memory), gone


def _needs_a_look(day: Day, now: datetime, since: date | None) -> bool:
    """Whether there may be something to do: more than one file, in a day that is over."""
    is_over = day.day < now.astimezone(UTC).date()
    return is_over and (since is None or day.day >= since) and len(day.items) > 1


def _day(
    store: Store, work: Path, day: Day, clock: datetime, *, dry_run: bool, memory: str
) -> Compacted:
    def attempt(day: Day) -> Compacted:
        with whole_day.desk(work, memory) as (connection, folder):
            found = whole_day.fetch(store, connection, day, folder)
            merged, doubled = _merge(store, connection, day, found, folder, dry_run)
        old = (*found.contained, *doubled)
        if not _is_settled(day, found, clock):
            return merged + Compacted(waiting=len(old) + merged.files)
        if not dry_run:
            for item in old:
                store.delete(item.key)
        return merged + Compacted(deleted=len(old), waiting=merged.files)

    return whole_day.keep_trying(store, day, attempt)


def _is_settled(day: Day, found: Fetched, clock: datetime) -> bool:
    """Whether the whole day that was read has been there for an hour, by the store's clock."""
    whole = day.whole
    return whole is not None and whole.tag == found.tag and clock - whole.changed >= PATIENCE


def _merge(
    store: Store,
    connection: duckdb.DuckDBPyConnection,
    day: Day,
    found: Fetched,
    folder: Path,
    dry_run: bool,
) -> tuple[Compacted, tuple[Item, ...]]:
    """Make the day whole; also the batches that it has every row of without having their id."""
    if not found.batches or len(found.files) < 2:
        return Compacted(), ()
    counted, doubles = whole_day.open_rows(connection, found.files)
    target = folder / "new.parquet"
    whole_day.write(connection, target, counted)
    ids = whole_day.batch_ids(connection, target)
    # The same rows under two batch ids: there is no such thing, unless a spool was copied.
    doubled = tuple(item for item in day.batches if days.batch_id(item) not in ids)
    if found.whole and len(doubled) == len(found.batches):
        return Compacted(), doubled
    if not dry_run:
        store.replace(day.whole_key, target, found.tag)
    days_made = (day.day,)
    return Compacted(days_made, len(found.batches), counted.rows, doubles), ()
