"""What a frontend is told of an answer's cost: `usage.cost`, the gateway's own figure in USD.

Chats show it under the answer. It is the row's `billed_cost` as a JSON number; an answer without a
known cost, and one without usage, has none. Other keys get answers as the APIs define them.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from ..untyped import mapping
from .exchange import Exchange
from .readers.base import parse

CostOf = Callable[[Exchange], Decimal | None]

_PLACES = 12  # as many decimals as the log has


def in_body(
    content: bytes, parsed: dict[str, Any], exchange: Exchange, cost: CostOf | None
) -> bytes:
    """A whole JSON answer with its cost; `content` is the same, not parsed."""
    if cost is None or not _is_told(exchange) or not mapping(parsed.get("usage")):
        return content
    usd = cost(exchange)
    try:
        return content if usd is None else orjson.dumps(_with(parsed, usd))
    except orjson.JSONEncodeError:  # nested deeper than can be written
        return content


def in_stream(lines: bytes, exchange: Exchange, cost: CostOf | None) -> bytes:
    """Whole lines of a stream, with the cost in the event that tells the usage."""
    if cost is None or not _is_told(exchange) or b'"usage"' not in lines:
        return lines
    return b"\n".join(_event(line, exchange, cost) for line in lines.split(b"\n"))


def _is_told(exchange: Exchange) -> bool:
    return exchange.identity is not None and exchange.identity.kind == "frontend"


def _event(line: bytes, exchange: Exchange, cost: CostOf) -> bytes:
    event = parse(line[5:]) if line[:5] == b"data:" and b'"usage"' in line else None
    if event is None:
        return line
    # The Responses API has it in its last event's response, the others in the event.
    inner = mapping(event.get("response"))
    usd = cost(exchange) if mapping((inner or event).get("usage")) else None
    if usd is None:
        return line
    told = {**event, "response": _with(inner, usd)} if inner else _with(event, usd)
    try:
        return b"data: " + orjson.dumps(told)
    except orjson.JSONEncodeError:  # halves of characters, or nested too deep
        return line


def _with(answer: dict[str, Any], usd: Decimal) -> dict[str, Any]:
    return {**answer, "usage": {**answer["usage"], "cost": float(round(usd, _PLACES))}}
