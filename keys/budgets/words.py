"""Whether a request fits its budgets, and what its sender is told when it doesn't."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from ..identity import Quota, Reason, Refusal, refuse
from ..limits import PERIODS
from .rows import Figures
from .spending import Budget, Reservation
from .windows import Counter, end_of, period_of, usd

_HELD_SECONDS = 2  # after which what other requests hold may be free
_PER = {"day": "per day", "month": "per month", "total": "in all"}


def over_budget(
    reservation: Reservation, figures: Mapping[Counter, Figures], zone: ZoneInfo
) -> Refusal | None:
    """None when the request fits; `figures` are the counters with its amount in `reserved`."""
    amount = reservation.amount
    over = [b for b in reservation.budgets if not _fits(amount, b, figures[b.counter])]
    if not over:
        return None
    for_good = [b for b in over if not _fits(amount, b, Figures(figures[b.counter].spent, amount))]
    # Of several, the one that opens last: before that, no other try will do.
    budget = max(for_good or over, key=lambda b: PERIODS.index(period_of(b.counter.window)))
    now = figures[budget.counter]
    if for_good:
        words = _spent(budget, now.spent, amount, zone)
        return _refuse("budget_exceeded", budget, zone, words, None)
    words = _held(budget, now.spent, now.reserved - amount, amount)
    return _refuse("budget_held", budget, zone, words, _HELD_SECONDS)


def plain(pico: int, rounding: str = ROUND_FLOOR) -> str:
    """Pico-USD as USD: cents at least, 6 decimals at most."""
    figure = usd(pico).quantize(Decimal("0.000001"), rounding)
    whole, _, decimals = f"{figure:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _fits(amount: int, budget: Budget, now: Figures) -> bool:
    """What may cost nothing passes until all is spent."""
    return now.spent < budget.limit if amount == 0 else now.spent + now.reserved <= budget.limit


def _limit(budget: Budget) -> str:
    return f"{plain(budget.limit)} USD {_PER[period_of(budget.counter.window)]}"


def _could(amount: int) -> str:
    return f"this request could cost up to {plain(amount, ROUND_CEILING)} USD"


def _spent(budget: Budget, spent: int, amount: int, zone: ZoneInfo) -> str:
    end = end_of(budget.counter.window, zone)
    smaller = " A smaller max_tokens lowers that." if spent < budget.limit else ""
    fresh = (
        f"There is a new budget on {end.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}."
        if end
        else "Ask the gateway's operator for more."
    )
    return (
        f"has used {plain(spent)} of its budget of {_limit(budget)}; {_could(amount)}.{smaller} "
        f"{fresh}"
    )


def _held(budget: Budget, spent: int, reserved: int, amount: int) -> str:
    return (
        f"has used {plain(spent + reserved)} of its budget of {_limit(budget)}, of which "
        f"{plain(reserved, ROUND_CEILING)} USD are held by requests that are running; "
        f"{_could(amount)}. Try again in a moment."
    )


def _refuse(
    reason: Reason, budget: Budget, zone: ZoneInfo, words: str, retry_after: int | None
) -> Refusal:
    message = " ".join(f"{budget.label} {words}".split())
    quota = Quota("budget", _limit(budget), end_of(budget.counter.window, zone))
    return refuse(reason, message, retry_after=retry_after, quota=quota)
