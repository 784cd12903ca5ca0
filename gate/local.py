"""What the gate answers itself: the list of models, and its health."""

from collections.abc import Mapping
from typing import Any

import orjson

from .errors import Failure
from .exchange import Exchange
from .fleet import Fleet
from .surface import Dialect, model_name

# The lists need a date and an owner that nobody reads; OpenAI's own list has them too.
_CREATED = 1_767_225_600  # 2026-01-01 in seconds UTC
_CREATED_AT = "2026-01-01T00:00:00Z"


def dialect_of(headers: Mapping[str, str]) -> Dialect:
    """Anthropic's clients name their API version on every call, also on the shared paths."""
    return "anthropic" if "anthropic-version" in headers else "openai"


def models(exchange: Exchange, fleet: Fleet) -> bytes:
    """The models that the key may use, or one of them. Raises Failure 404."""
    assert exchange.identity is not None
    dialect = dialect_of(exchange.headers)
    alias = model_name(exchange.path)
    allowed = fleet.aliases(exchange.identity)
    if alias is not None:
        if alias not in allowed:
            raise fleet.refusal(exchange.identity, alias) or _not_yours(alias)
        return orjson.dumps(_entry(alias, dialect))
    entries = [_entry(name, dialect) for name in allowed]
    if dialect == "anthropic":
        ends = {"first_id": allowed[0], "last_id": allowed[-1]} if allowed else {}
        return orjson.dumps({"data": entries, "has_more": False, **ends})
    return orjson.dumps({"object": "list", "data": entries})


def _entry(alias: str, dialect: Dialect) -> dict[str, Any]:
    if dialect == "anthropic":
        return {"type": "model", "id": alias, "display_name": alias, "created_at": _CREATED_AT}
    return {"id": alias, "object": "model", "created": _CREATED, "owned_by": "sekisho"}


def _not_yours(alias: str) -> Failure:
    return Failure(403, f"This key may not use the model {alias!r}.", "model_not_allowed")
