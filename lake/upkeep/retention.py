"""Retention: days that are older than they may be are deleted, each table by its own rule.

Only files of a table's `dt=` folders are ever deleted; whatever else lies in the bucket stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ..stores.store import Store
from . import days
from .days import Day


@dataclass(frozen=True, slots=True)
class Expired:
    """A day of a table that went (or, tried dry, would go): its files, and their size in bytes."""

    table: str
    day: date
    files: int
    size: int


def run(
    store: Store, now: datetime, *, usage_days: int, payload_days: int, dry_run: bool = False
) -> list[Expired]:
    """Delete the days before the last `usage_days` and `payload_days`; 0 keeps all.

    Today (UTC) is day 0: with 90, the days from 90 days ago until today stay. Raises LakeError.
    """
    gone: list[Expired] = []
    for table, keep in ((days.USAGE, usage_days), (days.PAYLOAD, payload_days)):
        for day in _expired(store, table, keep, now):
            gone.append(Expired(table, day.day, len(day.items), sum(i.size for i in day.items)))
            if dry_run:
                continue
            # The whole day last: without it, batches that it has would count.
            for item in day.items:
                store.delete(item.key)
    return gone


def first_kept(keep: int, now: datetime) -> date | None:
    """The oldest day (UTC) that stays; None when all do."""
    return now.astimezone(UTC).date() - timedelta(days=keep) if keep else None


def _expired(store: Store, table: str, keep: int, now: datetime) -> Iterator[Day]:
    first = first_kept(keep, now)
    if first is None:
        return
    for day in days.find(store.list(f"{table}/")):
        if day.table == table and day.day < first:
            yield day
