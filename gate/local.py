"""The lists of models, which the gate answers itself, in the shape that each client reads."""

from collections.abc import Mapping
from urllib.parse import parse_qs

import orjson

from . import (
    models_anthropic,
    models_codex,
    models_google,
    models_litellm,
    models_openai,
    surface,
)
from .errors import Failure
from .exchange import Exchange
from .fleet import Fleet
from .models_card import Card
from .surface import Dialect, Route, model_name


def dialect_of(route: Route, headers: Mapping[str, str]) -> Dialect:
    """Anthropic's clients name their API version on every call, also on the shared paths."""
    if route.dialect == "openai" and "anthropic-version" in headers:
        return "anthropic"
    return route.dialect


def models(exchange: Exchange, fleet: Fleet, query_string: bytes = b"") -> bytes:
    """The models that the key may use, or one of them. Raises Failure 400, 403 or 404."""
    assert exchange.identity is not None
    query = _query(query_string)
    cards = [fleet.card(alias) for alias in fleet.aliases(exchange.identity)]
    route, dialect = exchange.route, dialect_of(exchange.route, exchange.headers)
    asked = model_name(exchange.path)
    if asked is not None:
        return orjson.dumps(_ONE[dialect](_named(exchange, fleet, asked, cards)))
    if route is surface.MODEL_INFO:
        return orjson.dumps(models_litellm.listing(cards))
    if dialect == "google":
        return orjson.dumps(models_google.listing(cards, query))
    if "client_version" in query:
        return models_codex.catalogue(cards)
    if dialect == "openai":
        return orjson.dumps(models_openai.listing(cards))
    if models_anthropic.is_claude_code(exchange.headers):
        cards = models_anthropic.for_claude_code(cards)
    return orjson.dumps(models_anthropic.listing(cards, query))


_ONE = {
    "openai": models_openai.one,
    "anthropic": models_anthropic.one,
    "google": models_google.one,
}


def _named(exchange: Exchange, fleet: Fleet, asked: str, cards: list[Card]) -> Card:
    assert exchange.identity is not None
    alias = fleet.resolve(asked)
    card = next((card for card in cards if card.alias == alias), None)
    if card is None:
        raise fleet.refusal(exchange.identity, asked) or _not_yours(asked)
    return card


def _query(query_string: bytes) -> dict[str, str]:
    """The first value of each name; of an absurd number of names none."""
    try:
        found = parse_qs(query_string.decode("latin-1"), max_num_fields=100)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


def _not_yours(alias: str) -> Failure:
    return Failure(403, f"This key may not use the model {alias[:100]!r}.", "model_not_allowed")
