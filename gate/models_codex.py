"""The catalogue of models that Codex asks for (`GET /v1/models?client_version=`).

LiteLLM ships what Codex itself knows of each model: its prompt, its tools, its levels of thinking
(Apache-2.0, openai/codex). A model that Codex knows keeps that, any other gets what Codex takes for
one that it doesn't know. The sizes are ours: Codex condenses a conversation by them, and in an
endless loop when they are wrong.
"""

from collections.abc import Container, Sequence
from typing import Any

import orjson

from ..untyped import mapping, sequence
from .models_card import Card

_SIZES = ("context_window", "max_context_window")
_FIRST = ("claude", "gemini")


def catalogue(cards: Sequence[Card]) -> bytes:
    """The models with tools, as far as they fit in Codex's limit of a megabyte.

    Each entry has a prompt of 20 to 60 KB, so about 40 models fit: those that Codex knows, then
    Claude, Gemini, and others that think. Codex can be told to use any other by its name.
    """
    from litellm.proxy.common_utils import codex_model_catalog as codex

    names = {card.alias for card in cards}
    able = [card for card in cards if _is_of_use(card, names)]
    able.sort(key=lambda card: (card.alias not in codex.bundled_codex_models(), *_rank(card)))
    rows = [
        codex.CodexCatalogRow(
            id=card.alias, mode="chat", max_input_tokens=card.reads, upstream_model=card.models[0]
        )
        for card in able
    ]
    listed = orjson.loads(codex.codex_models_response_json(rows).json)["models"]
    reads = {card.alias: card.reads for card in able}
    return orjson.dumps({"models": [_ours(mapping(one), reads) for one in sequence(listed)]})


def _is_of_use(card: Card, names: Container[str]) -> bool:
    """Whether it can be Codex's; one cloud's alias is left out where the plain one is there."""
    twin = card.pinned and card.alias.rpartition("-")[0] in names
    return card.talks and "supports_function_calling" in card.abilities and not twin


def _rank(card: Card) -> tuple[bool, int, bool, str]:
    family = next((n for n, name in enumerate(_FIRST) if card.alias.startswith(name)), len(_FIRST))
    return card.pinned, family, "supports_reasoning" not in card.abilities, card.alias


def _ours(entry: dict[str, Any], reads: dict[str, int | None]) -> dict[str, Any]:
    """The entry with windows that aren't larger than ours; WebSockets aren't served here."""
    window = reads[str(entry["slug"])]
    for name in _SIZES:
        size = entry.get(name)
        if window is not None and (not isinstance(size, int) or size > window) and name in entry:
            entry[name] = window
    if "prefer_websockets" in entry:
        entry["prefer_websockets"] = False
    return entry
