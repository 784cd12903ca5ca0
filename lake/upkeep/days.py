"""The days of the lake: which files each `dt=` folder has, as the store lists them.

`dt=D/day.parquet` is the day made whole by compaction; every other file is a batch, named after its
batch id. What is not named so is not ours, and nobody here touches it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ..stores.store import Item

USAGE, PAYLOAD = "usage", "payload"
WHOLE = "day"  # the name of a whole day, where a batch has its id

# Athena and Hive leave out names that begin with a dot or an underscore, and so do we.
_KEY = re.compile(
    r"(?P<table>usage|payload)/dt=(?P<day>\d{4}-\d{2}-\d{2})/(?P<name>[^/._][^/]*)\.parquet"
)


@dataclass(frozen=True, slots=True)
class Day:
    """The files of one UTC day of one table; `batches` by name."""

    table: str
    day: date
    whole: Item | None
    batches: tuple[Item, ...]

    @property
    def folder(self) -> str:
        """The prefix of its keys."""
        return f"{self.table}/dt={self.day}/"

    @property
    def whole_key(self) -> str:
        """Where the whole day is, or will be."""
        return f"{self.folder}{WHOLE}.parquet"

    @property
    def items(self) -> tuple[Item, ...]:
        """All its files."""
        return (*self.batches, self.whole) if self.whole else self.batches


def find(items: Iterable[Item]) -> list[Day]:
    """The days that a listing of the store has, oldest first."""
    found: dict[tuple[str, date], dict[str, Item]] = {}
    for item in items:
        match = _KEY.fullmatch(item.key)
        if match and (day := _date(match["day"])):
            found.setdefault((match["table"], day), {})[match["name"]] = item
    return [_day(table, day, found[table, day]) for table, day in sorted(found)]


def batch_id(item: Item) -> str:
    """The batch that a file has the rows of."""
    return item.key.rpartition("/")[2].removesuffix(".parquet")


def clock(items: Iterable[Item], now: datetime) -> datetime:
    """A moment that the store's own clock has certainly reached: what we believe is old, is.

    This machine's clock may be ahead of the store's, so the youngest file bounds it; a file that
    was written with a clock gone wrong is bounded by ours.
    """
    return min(now, max((item.changed for item in items), default=datetime.min.replace(tzinfo=UTC)))


def _day(table: str, day: date, names: dict[str, Item]) -> Day:
    batches = tuple(names[name] for name in sorted(names) if name != WHOLE)
    return Day(table, day, names.get(WHOLE), batches)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
