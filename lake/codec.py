"""A `Record` to one line of JSON and back, and back from a row of DuckDB; strict when reading."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import orjson

from . import columns
from .columns import COLUMNS, NAMES
from .record import Attempt, Record

# A row is about 1.5 KB. A longer line means that a client put a novel into a header: then every
# text is cut, so that a row's size, and with it the spool's, has a bound.
_LONG_LINE = 32_768
_LONG_TEXT = 1_000
_MANY_ITEMS = 20
_SURROGATES = re.compile("[\ud800-\udfff]")
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_APPEND_NEWLINE


def encode(record: Record) -> bytes:
    """One line of JSON, newline included; decimals are strings, times end in Z.

    Lone surrogates, which no UTF-8 can carry, become U+FFFD. A line is at most 200 KB.
    """
    try:
        line = orjson.dumps(record, _plain, _OPTIONS)
    except orjson.JSONEncodeError:
        # Lone surrogates, integers beyond 64 bits: slow and rare.
        line = orjson.dumps(_gentle(_values(record)), _plain, _OPTIONS)
    if len(line) > _LONG_LINE:
        line = orjson.dumps(_cut(_gentle(_values(record))), _plain, _OPTIONS)
    return line


def decode(line: bytes) -> Record:
    """The record of a line. Raises ValueError for anything that is not one.

    Unknown fields, from a newer Sekisho, are ignored; missing ones, from an older, are default.
    """
    found: object = orjson.loads(line)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return from_values(cast("dict[str, object]", found))


def record_or_none(line: bytes) -> Record | None:
    """The record of a line, or None for a line that is none."""
    try:
        return decode(line)
    except ValueError:
        return None


def from_values(values: Mapping[str, object]) -> Record:
    """A record from columns by name, as JSON or as DuckDB returns them. Raises ValueError."""
    known: dict[str, Any] = {
        column.name: _READERS[column.type](values[column.name])
        for column in COLUMNS
        if values.get(column.name) is not None
    }
    missing = [name for name in ("request_id", "start_time", "status") if name not in known]
    if missing:
        raise ValueError(f"no {', '.join(missing)}")
    return Record(**known)


def _values(record: Record) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(record, name) for name in NAMES}
    return {**values, "attempts": [asdict(attempt) for attempt in record.attempts]}


def _plain(value: object) -> object:
    """What orjson can't write itself."""
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else None
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    raise TypeError(f"a record can't hold {type(value).__name__}")


def _gentle(value: object) -> object:
    """The same value in what UTF-8 and 64 bits can carry."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {_SURROGATES.sub("\ufffd", key): _gentle(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_gentle(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return None
    return value


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > _LONG_TEXT:
        return value[: _LONG_TEXT - 3] + "..."
    if isinstance(value, dict):
        pairs = list(cast("dict[str, object]", value).items())[:100]
        return {key[:_LONG_TEXT]: _cut(item) for key, item in pairs}
    if isinstance(value, list):
        return [_cut(item) for item in cast("list[object]", value)[:_MANY_ITEMS]]
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text expected, not {value!r:.60}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"a list expected, not {value!r:.60}")
    return cast("list[object]", value)


def _time(value: object) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{found} is no time in UTC") from None


def _int(value: object, bits: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"a whole number expected, not {value!r:.60}")
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError(f"{value} has more than {bits} bits")
    return value


def _real(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"a number expected, not {value!r:.60}")
    return float(value)


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false expected, not {value!r:.60}")
    return value


def _decimal(value: object, places: int) -> Decimal:
    try:
        found = value if isinstance(value, Decimal) else Decimal(_text(value))
    except ArithmeticError:
        raise ValueError(f"a decimal expected, not {value!r:.60}") from None
    if not found.is_finite() or abs(found) >= 10 ** (18 - places):
        raise ValueError(f"{found:.60} does not fit decimal(18,{places})")
    return found


def _decimals(value: object, places: int) -> dict[str, Decimal]:
    if not isinstance(value, dict):
        raise ValueError(f"an object expected, not {value!r:.60}")
    pairs = cast("dict[str, object]", value).items()
    return {_text(key): _decimal(item, places) for key, item in pairs}


_ATTEMPT_READERS: dict[str, Callable[[object], object]] = {
    "http_response_status_code": lambda value: _int(value, 32),
    "duration_ms": _real,
}


def _attempts(value: object) -> tuple[Attempt, ...]:
    return tuple(_attempt(item) for item in _list(value))


def _attempt(value: object) -> Attempt:
    if not isinstance(value, dict):
        raise ValueError(f"an object expected, not {value!r:.60}")
    found = cast("dict[str, object]", value)
    read: dict[str, Any] = {
        name: _ATTEMPT_READERS.get(name, _text)(found[name])
        for name in _ATTEMPT_FIELDS
        if found.get(name) is not None
    }
    return Attempt(**read)


_ATTEMPT_FIELDS = tuple(item.name for item in fields(Attempt))
_READERS: dict[str, Callable[[object], object]] = {
    columns.TEXT: _text,
    columns.TEXTS: _texts,
    columns.TIME: _time,
    columns.REAL: _real,
    columns.COUNT: lambda value: _int(value, 64),
    columns.SMALL: lambda value: _int(value, 32),
    columns.YES_NO: _bool,
    columns.MONEY: lambda value: _decimal(value, 12),
    columns.MONEY_MAP: lambda value: _decimals(value, 12),
    columns.UNIT_MAP: lambda value: _decimals(value, 6),
    columns.ATTEMPTS: _attempts,
}
