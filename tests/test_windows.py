"""Days, months and money of budgets: when a window ends, to the second, and sums to 1e-12 USD."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sekisho.keys.budgets.windows import end_of, ends, period_of, pico, usd, window_of, windows_of
from sekisho.keys.limits import Period

TOKYO = ZoneInfo("Asia/Tokyo")


def test_windows_are_named_by_the_local_calendar() -> None:
    """One second before and at midnight in Tokyo are two days, and here two months."""
    before = datetime(2026, 11, 30, 14, 59, 59, tzinfo=UTC)
    midnight = datetime(2026, 11, 30, 15, 0, 0, tzinfo=UTC)
    assert windows_of(before, TOKYO) == ("2026-11-30", "2026-11", "total")
    assert windows_of(midnight, TOKYO) == ("2026-12-01", "2026-12", "total")


@pytest.mark.parametrize(
    ("period", "window"), [("day", "2026-11-21"), ("month", "2026-11"), ("total", "total")]
)
def test_a_window_tells_its_period(period: Period, window: str) -> None:
    """The name of a window is enough to know which period it is of."""
    assert window_of(period, datetime(2026, 11, 21, tzinfo=UTC), TOKYO) == window
    assert period_of(window) == period


@pytest.mark.parametrize(
    ("zone", "window", "end"),
    [
        ("Asia/Tokyo", "2026-11-21", "2026-11-21T15:00:00+00:00"),
        ("Asia/Tokyo", "2026-11", "2026-11-30T15:00:00+00:00"),
        ("Asia/Tokyo", "2026-12", "2026-12-31T15:00:00+00:00"),
        ("Asia/Tokyo", "2028-02", "2028-02-29T15:00:00+00:00"),
        # A day of 23 and one of 25 hours: clocks change at 2 and 3 in the night.
        ("Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00+00:00"),
        # Clocks go from 0:00 to 1:00: the day begins at 1:00, which is 3:00 UTC.
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00:00+00:00"),
        # At midnight clocks go back to 23:00: midnight comes twice, the day ends with the second.
        ("America/Sao_Paulo", "2018-02-17", "2018-02-18T03:00:00+00:00"),
        # At 1:00 clocks go back to 0:00: the day has begun with the first midnight.
        ("America/Havana", "2026-10-31", "2026-11-01T04:00:00+00:00"),
    ],
)
def test_windows_end_where_the_next_local_day_begins(zone: str, window: str, end: str) -> None:
    """The end is a moment in UTC, right where clocks change too."""
    found = end_of(window, ZoneInfo(zone))
    assert found is not None
    assert found.isoformat() == end


def test_all_time_does_not_end() -> None:
    """A total budget has no end."""
    assert ends("total", datetime(2026, 11, 21, tzinfo=UTC), TOKYO) is None


def test_ends_is_the_end_of_the_window_of_now() -> None:
    """Asked with a time, it is the end of the day that this time is in."""
    now = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    assert ends("day", now, TOKYO) == datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "whole"),
    [("0", 0), ("0.000000000001", 1), ("0.0000000000001", 1), ("1", 10**12), ("1000000", 10**18)],
)
def test_usd_become_whole_pico_usd(amount: str, whole: int) -> None:
    """Nothing is lost; what is finer than 1e-12 USD is rounded up."""
    assert pico(Decimal(amount)) == whole


def test_pico_usd_become_usd() -> None:
    """The way back is exact."""
    assert usd(1_500_000_000_001) == Decimal("1.500000000001")
