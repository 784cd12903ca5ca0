"""Models in the shape of Google's Gemini API (ai.google.dev, API reference, "Models")."""

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import Failure
from .models_card import Card

_MOST = 1000  # models.list: "pageSize"
_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


def listing(cards: Sequence[Card], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of those that can be asked there: `pageSize`, `pageToken`. Raises Failure 400.

    Without a size it is all of them, not 50 as at Google: no client that we know asks for more.
    """
    talking = [card for card in cards if card.talks]
    size, begin = _number(query, "pageSize", _MOST), _number(query, "pageToken", 0)
    end = begin + min(size or _MOST, _MOST)
    found: dict[str, Any] = {"models": [one(card) for card in talking[begin:end]]}
    return found | ({"nextPageToken": str(end)} if end < len(talking) else {})


def one(card: Card) -> dict[str, Any]:
    """One model."""
    found: dict[str, Any] = {
        "name": f"models/{card.alias}",
        "version": "1",
        "displayName": card.alias,
        "description": f"{card.alias}, by way of this gateway.",
        "supportedGenerationMethods": list(_METHODS if card.talks else ()),
    }
    sizes = {"inputTokenLimit": card.reads, "outputTokenLimit": card.writes}
    found |= {name: size for name, size in sizes.items() if size is not None}
    return found | {"thinking": "supports_reasoning" in card.abilities}


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name)
    if not given:
        return default
    if not given.isdecimal() or len(given) > 9:
        raise Failure(400, f"{name}: must be a whole number.", "invalid_request")
    return int(given)
