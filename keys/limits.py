"""How much may be used: requests, tokens, requests at once, and USD in a period."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Literal

Period = Literal["day", "month", "total"]
PERIODS: tuple[Period, ...] = ("day", "month", "total")


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used; None is no limit.

    `rpm` requests and `tpm` tokens (input and output) in any minute, `parallel` requests at once,
    `budget_*` USD in a calendar day, a calendar month (of the gateway's time zone), and in all.
    """

    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None
    budget_day: Decimal | None = None
    budget_month: Decimal | None = None
    budget_total: Decimal | None = None

    @property
    def budgets(self) -> dict[Period, Decimal]:
        """USD by period, those that are set, shortest period first."""
        figures = (self.budget_day, self.budget_month, self.budget_total)
        return {p: usd for p, usd in zip(PERIODS, figures, strict=True) if usd is not None}

    def over(self, defaults: "Limits") -> "Limits":
        """These limits, and the defaults where these say nothing."""
        missing = {n: getattr(defaults, n) for n in LIMIT_NAMES if getattr(self, n) is None}
        return replace(self, **missing)


LIMIT_NAMES = tuple(f.name for f in fields(Limits))
NO_LIMITS = Limits()

_MOST_USD = Decimal(1_000_000)
_MOST = 2**31 - 1  # what an integer column of every database holds


def read(values: Mapping[str, object]) -> Limits:
    """Limits by name, from a file or a command line; None is no limit.

    Raises ValueError with one line that names the wrong one. Names must be `LIMIT_NAMES`.
    """
    found = {
        name: _usd(name, value) if name.startswith("budget_") else _count(name, value)
        for name, value in values.items()
        if value is not None
    }
    return Limits(**found)  # type: ignore[arg-type]


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
        raise ValueError(f"{name} {value}: must be a whole number from 1 to {_MOST}")
    return value


def _usd(name: str, value: object) -> Decimal:
    """USD with at most 12 decimals, as the log has them; a YAML float means what it shows."""
    try:
        amount = Decimal(str(value))
        if 0 < amount <= _MOST_USD and amount == amount.quantize(Decimal("1e-12")):
            return amount
    except InvalidOperation:
        pass
    raise ValueError(
        f"{name} {value}: must be USD, more than 0 and at most {_MOST_USD:,}, as 50 or 0.25"
    )
