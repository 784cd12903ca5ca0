"""The arithmetic of a sliding window: what of the last minute still counts, and when more fits.

It is the sliding window counter of the library `limits`: a window and the one before it are
counted, and of the one before counts the part that the last minute still covers. A first hit opens
a window. With steady use nobody passes a limit; who saves up for the last moment of a window and
then goes on evenly can have nearly twice the limit within one minute, and never more.
"""

from math import floor
from typing import NamedTuple


class Windows(NamedTuple):
    """A counter as `limits` tells it: two counts, and in how many seconds each of them is gone.

    `current_ttl` is the rest of the current window and one window more, for then it is the
    previous one; 0 is a counter that nobody has used lately.
    """

    previous: int
    previous_ttl: float
    current: int
    current_ttl: float


def fits(windows: Windows, limit: int, seconds: float, amount: int) -> bool:
    """Whether `amount` more may be counted now, in windows of `seconds`."""
    counted = floor(windows.previous * windows.previous_ttl / seconds) + windows.current
    return counted + amount <= limit


def wait(windows: Windows, limit: int, seconds: float, amount: int) -> float:
    """In how many seconds `amount`, at most `limit`, fits at the latest if nothing else comes.

    The library's own reset time is when the next *one* may pass, or only a window ends.
    """
    room = limit - amount
    if room >= windows.current:
        rest = _seconds_above(windows.previous, room - windows.current, seconds)
        return max(0.0, windows.previous_ttl - rest)
    until_next = windows.current_ttl - seconds
    return until_next + max(0.0, seconds - _seconds_above(windows.current, room, seconds))


def _seconds_above(count: int, room: int, seconds: float) -> float:
    """The longest rest of a window's life with which its count still leaves `room`."""
    return (room + 1) * seconds / count if count > 0 else seconds
