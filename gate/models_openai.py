"""Models in OpenAI's shape (platform.openai.com, API reference, "Models")."""

from collections.abc import Sequence
from typing import Any

from .models_card import Card

# The list needs a date and an owner that nobody reads; OpenAI's own list has them too.
_CREATED = 1_767_225_600  # 2026-01-01 in seconds UTC


def listing(cards: Sequence[Card]) -> dict[str, Any]:
    """All of them; OpenAI's list has no pages."""
    return {"object": "list", "data": [one(card) for card in cards]}


def one(card: Card) -> dict[str, Any]:
    """One model."""
    return {"id": card.alias, "object": "model", "created": _CREATED, "owned_by": "sekisho"}
