"""Models in Anthropic's shape, page by page, and as Claude Code's picker wants them.

Claude Code lists what begins with `claude` or `anthropic` and nothing else, and uses no more than
200,000 tokens of some of Claude's models unless their name ends with `[1m]` (code.claude.com, "LLM
gateway protocol", and tried with 2.1.329). So Claude Code, and no other client, is told names that
it shows: `fleet` knows what they stand for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .errors import Failure
from .fleet import LARGE, SHOWN
from .models_card import Card

_CREATED_AT = "2026-01-01T00:00:00Z"  # as in models_openai
_MOST = 1000  # platform.claude.com, API reference, "List Models"
_A_MILLION = 1_000_000
_LINES = ("fable", "opus", "sonnet", "haiku")
_VERSION = re.compile(r"(?<=\d)-(?=\d)")


def listing(cards: Sequence[Card], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of them: `limit`, `after_id`, `before_id`. Without a limit it is all of them.

    Raises Failure 400.
    """
    page, more = _page([card.alias for card in cards], query)
    chosen = [card for card in cards if card.alias in page]
    return {
        "data": [one(card) for card in chosen],
        "has_more": more,
        "first_id": chosen[0].alias if chosen else None,
        "last_id": chosen[-1].alias if chosen else None,
    }


def one(card: Card) -> dict[str, Any]:
    """One model."""
    return {
        "type": "model",
        "id": card.alias,
        "display_name": _display_name(card.alias),
        "created_at": _CREATED_AT,
        "max_input_tokens": card.reads,
        "max_tokens": card.writes,
        "lifecycle": "active",
    }


def for_claude_code(cards: Sequence[Card]) -> list[Card]:
    """The models that Claude Code can talk to, Claude first, under names that its picker shows."""
    talking = [card for card in cards if card.talks]
    talking.sort(key=lambda card: not _is_shown(card.alias))
    return [replace(card, alias=_name_to_show(card)) for card in talking]


def is_claude_code(headers: Mapping[str, str]) -> bool:
    """Whether the client is Claude Code, by its user agent."""
    return headers.get("user-agent", "").startswith(("claude-cli/", "claude-code/"))


def _is_shown(alias: str) -> bool:
    return alias.startswith(("claude", "anthropic"))


def _name_to_show(card: Card) -> str:
    name = card.alias if _is_shown(card.alias) else SHOWN + card.alias
    return name + LARGE if (card.reads or 0) >= _A_MILLION else name


def _page(ids: Sequence[str], query: Mapping[str, str]) -> tuple[frozenset[str], bool]:
    """The ids of a page, and whether there are more in its direction."""
    size = _limit(query)
    after, before = query.get("after_id"), query.get("before_id")
    begin = _place(ids, after, "after_id") + 1 if after else 0
    end = _place(ids, before, "before_id") if before else len(ids)
    left = ids[begin:end]
    page = left[-size:] if before and not after else left[:size]
    return frozenset(page), len(left) > size


def _limit(query: Mapping[str, str]) -> int:
    given = query.get("limit")
    if given is None:
        return _MOST
    if not given.isdecimal() or not 1 <= int(given[:5]) <= _MOST:
        raise Failure(400, f"limit: must be a whole number from 1 to {_MOST}.", "invalid_request")
    return int(given)


def _place(ids: Sequence[str], wanted: str, name: str) -> int:
    if wanted not in ids:
        raise Failure(400, f"{name}: there is no model {wanted[:100]!r} here.", "invalid_request")
    return ids.index(wanted)


def _display_name(alias: str) -> str:
    """`claude-opus-5-5-bedrock` is "Claude Opus 5.5 (Bedrock)"; other names stay as they are."""
    name = alias.removesuffix(LARGE)
    large = " (1M)" if name != alias else ""
    if name.startswith(SHOWN):
        return name.removeprefix(SHOWN) + large
    words = _VERSION.sub(".", name).split("-")
    if words[0] != "claude" or len(words) < 3 or words[1] not in _LINES:
        return name + large
    title = " ".join(word.capitalize() for word in words[:3])
    return title + "".join(f" ({word.capitalize()})" for word in words[3:]) + large
