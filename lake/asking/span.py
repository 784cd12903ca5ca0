"""A span of time as SQL: days of the partition column first, moments where days are not enough."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from .tables import FIRST_DAY

_LAST_DAY = "9999-12-31"
_PARAMETER = re.compile(r"(?<!:):(first_day|last_day|since|until)\b")
_MOMENT = r"\s+AND (?:\w+\.)?start_time {} :{}\b"


@dataclass(frozen=True, slots=True)
class Span:
    """Requests that started in [since, until), aware times; None is no bound."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def first_day(self) -> date | None:
        """The first UTC day that has such requests."""
        return None if self.since is None else self.since.astimezone(UTC).date()

    @property
    def last_day(self) -> date | None:
        """The last such day."""
        if self.until is None:
            return None
        return (self.until.astimezone(UTC) - timedelta(microseconds=1)).date()

    def fill(self, sql: str) -> str:
        """SQL with `:first_day`, `:last_day`, `:since` and `:until` filled in.

        A condition `AND start_time >= :since` (`< :until`) is left out where the days say it all:
        a column that isn't read isn't paid for.
        """
        for name, sign, moment in (("since", ">=", self.since), ("until", "<", self.until)):
            if moment is None or _is_midnight(moment):
                sql = re.sub(_MOMENT.format(sign, name), "", sql)
        values = {
            "first_day": f"'{self.first_day or FIRST_DAY}'",
            "last_day": f"'{self.last_day or _LAST_DAY}'",
            "since": _literal(self.since),
            "until": _literal(self.until),
        }
        return _PARAMETER.sub(lambda found: values[found[1]], sql)


def _is_midnight(moment: datetime) -> bool:
    return moment.astimezone(UTC).time() == time()


def _literal(moment: datetime | None) -> str:
    if moment is None:
        return "NULL"
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    return f"TIMESTAMP '{plain.isoformat(sep=' ', timespec='microseconds')}'"
