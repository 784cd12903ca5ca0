"""What people type about a key, on the command line and in files: text to values.

`name` is how the text is called in errors: an option, or a column of a file. Each raises Misuse.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from ...keys import limits
from ...keys.limits import PERIODS, Period
from .. import when
from ..output import Misuse

_SEPARATORS = re.compile(r"[\s,;]+")
_AMOUNT = re.compile(r"\$?\s*(\d+(?:\.\d+)?|\.\d+)")
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([km]?)", re.IGNORECASE)
_PERIODS: dict[str, Period] = {period: period for period in PERIODS}
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}


def nothing(text: str, *words: str) -> bool:
    """Whether the text is `none`, or one of the field's own words for it."""
    return text.strip().lower() in ("none", *words)


def parts(texts: Iterable[str]) -> tuple[str, ...]:
    """The items of lists that are separated by commas, semicolons or spaces, each once."""
    items = (part for text in texts for part in _SEPARATORS.split(text) if part)
    return tuple(dict.fromkeys(items))


def models(name: str, text: str) -> tuple[str, ...]:
    """Patterns of models; `all` is the empty tuple."""
    patterns = parts([text])
    if not patterns:
        raise Misuse(f"{name} is empty; write all to allow every model")
    return () if nothing(text, "all") else tuple(pattern.lower() for pattern in patterns)


def count(name: str, limit: str, text: str) -> int:
    """A whole number for the limit `limit` (rpm, tpm, parallel): 60, 200k, 1.5m."""
    found = _COUNT.fullmatch(text.strip().replace("_", ""))
    number = Decimal(found[1]) * _THOUSANDS[found[2].lower()] if found else Decimal(-1)
    if found is None or number != number.to_integral_value():
        raise Misuse(f"{name} {text!r}: write a whole number, as 60, 200k or 1.5m")
    _in_range(name, limit, text, int(number))
    return int(number)


def usd(name: str, limit: str, text: str) -> Decimal:
    """USD for the limit `limit` (budget_day and so on): 50, $50, 0.25."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise Misuse(f"{name} {text!r}: write USD, as 50 or 0.25, without commas")
    amount = Decimal(found[1])
    _in_range(name, limit, text, amount)
    return amount


def budget(text: str, default: Period) -> tuple[Period, Decimal | None]:
    """One `--budget`: `50`, `5/day`, `$100/month`, `none/day`."""
    amount, slash, word = text.partition("/")
    named = _PERIODS.get(word.strip().lower())
    if slash and named is None:
        raise Misuse(f"--budget {text!r}: the period must be day, month or total")
    period = named or default
    if nothing(amount):
        return period, None
    return period, usd("--budget", f"budget_{period}", amount)


def networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Networks or single addresses; `any` is all. The store says which are malformed."""
    items = parts(texts)
    return () if len(items) == 1 and nothing(items[0], "any") else items


def tags(texts: Iterable[str]) -> tuple[str, ...]:
    """Tags in their order; `none` is none."""
    items = parts(texts)
    return () if len(items) == 1 and nothing(items[0]) else items


def mcp(texts: Iterable[str]) -> tuple[str, ...]:
    """Names of MCP servers in their order; `none` is none, `all` is every one."""
    items = parts(texts)
    if len(items) == 1 and nothing(items[0]):
        return ()
    if any(nothing(item) for item in items):
        raise Misuse("--mcp none takes all servers away: name no others beside it")
    return tuple("*" if item.lower() == "all" else item for item in items)


def expires(name: str, text: str, now: datetime) -> datetime | None:
    """A time ahead (UTC); `never` is None."""
    return None if nothing(text, "never") else when.later(name, text, now)


def _in_range(name: str, limit: str, text: str, value: int | Decimal) -> None:
    try:
        limits.read({limit: value})
    except ValueError as error:
        rule = str(error).partition(": ")[2]
        raise Misuse(f"{name} {text.strip()}: {rule}") from None
