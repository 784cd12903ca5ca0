"""What keys have spent: the figures of the ledger beside the limits that are in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ...keys.identity import KeyKind
from ...keys.limits import PERIODS, Limits, Period
from ...keys.row import KeyRow
from . import views
from .store import KeyPlaces

if TYPE_CHECKING:
    from ...keys.store import Store

_NOTHING = (Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Spend:
    """What was spent in a window that is open now, and what running requests may still cost.

    USD. `limit` None is no budget; `window` is `2026-11-21`, `2026-11` or `total`; `resets_at` is
    UTC, None is never.
    """

    spent: Decimal
    reserved: Decimal
    limit: Decimal | None
    window: str
    resets_at: datetime | None


def of_keys(
    store: "Store", rows: Sequence[KeyRow], places: KeyPlaces, now: datetime
) -> list[dict[Period, Spend]]:
    """The spend of each key by period, in the order of the keys. Raises KeyStoreError."""
    from ...keys.budgets import spent, windows

    zone = places.time_zone
    names = [row.identity.key_id for row in rows]
    figures = spent.spent_of(store.database, "key", names, now, zone)
    ends = {p: (windows.window_of(p, now, zone), windows.ends(p, now, zone)) for p in PERIODS}
    # Most of many keys have spent nothing, and have the same budgets as others: one for them all.
    idle: dict[tuple[Limits, KeyKind, str | None], dict[Period, Spend]] = {}
    found: list[dict[Period, Spend]] = []
    for row in rows:
        identity = row.identity
        same = (identity.limits, identity.kind, identity.team)
        if same not in idle:
            budgets = places.policy.of_key(identity).budgets
            idle[same] = {p: Spend(*_NOTHING, budgets.get(p), *ends[p]) for p in PERIODS}
        of_key = figures.get(identity.key_id)
        found.append(_with(idle[same], of_key) if of_key else idle[same])
    return found


def _with(
    idle: Mapping[Period, Spend], figures: Mapping[Period, tuple[Decimal, Decimal]]
) -> dict[Period, Spend]:
    return {
        p: Spend(*figures.get(p, _NOTHING), of.limit, of.window, of.resets_at)
        for p, of in idle.items()
    }


def spend_object(spend: Mapping[Period, Spend]) -> dict[str, object]:
    """The spend by period, for JSON; USD is text."""
    return {
        period: {
            "spent": views.number(found.spent),
            "reserved": views.number(found.reserved),
            "limit": views.number(found.limit),
            "window": found.window,
            "resets_at": found.resets_at,
        }
        for period, found in spend.items()
    }
