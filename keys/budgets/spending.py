"""What a request holds of its budgets while it runs, and what is written when it has its cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from ..limits import PERIODS, Period
from ..policy import Scope, ScopeKind
from .windows import Counter, end_of, period_of, pico, usd, windows_of

# More than any budget (10 ** 18), and three of them fit 64 bits.
_MOST = 2 * 10**18


class Budget(NamedTuple):
    """A counter with a limit (pico-USD); `label` is the scope's."""

    counter: Counter
    limit: int
    label: str


class Share(NamedTuple):
    """One scope of a request, with its budgets (pico-USD, None for none) as in PERIODS."""

    kind: ScopeKind
    name: str
    label: str
    limits: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a request may cost at most (`amount`, pico-USD), and whose spend that will be.

    `day` is the local day of the request's start: its cost counts there, however long it runs.
    `in_database` is False when the database was away.
    """

    id: str
    amount: int
    day: str
    shares: tuple[Share, ...]
    in_database: bool = True

    @classmethod
    def of(
        cls, request_id: str, scopes: Sequence[Scope], worst: Decimal, now: datetime, zone: ZoneInfo
    ) -> "Reservation":
        """`worst` in USD; `now` aware."""
        amount = min(pico(worst), _MOST)
        shares = tuple(Share(s.kind, s.name, s.label, _limits(s)) for s in scopes)
        return cls(request_id, amount, windows_of(now, zone)[0], shares)

    @property
    def counters(self) -> Iterator[Counter]:
        """Every counter that the cost goes to."""
        for share in self.shares:
            for window in self._windows:
                yield Counter(share.kind, share.name, window)

    @property
    def budgets(self) -> list[Budget]:
        """The counters that have a limit, the narrowest scope first, the shortest period first."""
        return [
            Budget(Counter(share.kind, share.name, window), limit, share.label)
            for share in self.shares
            for window, limit in zip(self._windows, share.limits, strict=True)
            if limit is not None
        ]

    @property
    def _windows(self) -> tuple[str, str, str]:
        return self.day, self.day[:7], "total"


class Settled(NamedTuple):
    """A request that has its cost (pico-USD): what is in the outbox."""

    cost: int
    reservation: Reservation

    @classmethod
    def of(cls, reservation: Reservation, cost: Decimal) -> "Settled":
        """`cost` in USD."""
        return cls(min(max(pico(cost), 0), _MOST), reservation)

    def encode(self) -> bytes:
        """As the outbox keeps it."""
        held = self.reservation
        shares = [tuple(share) for share in held.shares]
        return orjson.dumps((self.cost, held.id, held.amount, held.day, shares))


def decode(entry: bytes) -> Settled:
    """What `Settled.encode` wrote. Raises ValueError or TypeError for anything else."""
    found: Any = orjson.loads(entry)
    cost, name, amount, day, shares = found
    return Settled(cost, Reservation(name, amount, day, tuple(Share(*share) for share in shares)))


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """80 % of a budget are spent. USD; `resets_at` is UTC, None is never."""

    scope: ScopeKind
    name: str
    label: str
    period: Period
    spent: Decimal
    limit: Decimal
    resets_at: datetime | None

    @classmethod
    def of(cls, budget: Budget, spent: int, zone: ZoneInfo) -> "BudgetWarning":
        """`spent` in pico-USD."""
        scope, name, window = budget.counter
        limit, end = usd(budget.limit), end_of(window, zone)
        return cls(scope, name, budget.label, period_of(window), usd(spent), limit, end)


def _limits(scope: Scope) -> tuple[int | None, ...]:
    budgets = scope.limits.budgets
    return tuple(pico(budgets[p]) if p in budgets else None for p in PERIODS)
