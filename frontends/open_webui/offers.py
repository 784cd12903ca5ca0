"""The models that a gateway offers, as people shall see them in Open WebUI."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...untyped import mapping, sequence, text

_TALKS = ("chat", "responses")
_PINS = ("-bedrock", "-vertex", "-azure")
_KINDS = {
    "embedding": "Embeddings.",
    "rerank": "Reranking.",
    "image_generation": "Pictures.",
    "audio_transcription": "Speech to text.",
    "audio_speech": "Text to speech.",
}
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Offer:
    """One model: its alias, a line with sizes (tokens) and prices (USD), and what it can.

    `hidden` keeps it out of the list that people choose from; programs can still ask for it.
    `reads_for` is the price of a token that it reads (USD), None when it has none.
    """

    alias: str
    description: str
    vision: bool
    hidden: bool
    reads_for: float | None = None


def read(answer: object) -> list[Offer]:
    """The offers in a gateway's answer to `/v1/model/info`."""
    entries = [mapping(one) for one in sequence(mapping(answer).get("data"))]
    infos = {
        alias: mapping(one.get("model_info"))
        for one in entries
        if (alias := text(one.get("model_name")))
    }
    return [_offer(alias, info, infos) for alias, info in infos.items()]


def _offer(alias: str, info: Mapping[str, Any], known: Iterable[str]) -> Offer:
    mode = str(info.get("mode") or "chat")
    return Offer(
        alias,
        _described(mode, info),
        vision=info.get("supports_vision") is True,
        hidden=mode not in _TALKS or _is_pinned(alias, known),
        reads_for=_price(info, "input_cost_per_token"),
    )


def cheapest(offers: Iterable[Offer]) -> Offer | None:
    """The cheapest for conversations; one whose price isn't by the token comes last."""
    talking = [one for one in offers if not one.hidden]
    return min(talking, key=lambda one: (one.reads_for is None, one.reads_for or 0), default=None)


def _is_pinned(alias: str, known: Iterable[str]) -> bool:
    """Whether the alias is another one on a certain cloud."""
    short = next((alias.removesuffix(pin) for pin in _PINS if alias.endswith(pin)), alias)
    return short != alias and short in known


def _described(mode: str, info: Mapping[str, Any]) -> str:
    parts = [_KINDS.get(mode, ""), _prices(info), _sizes(info)]
    return " ".join(part for part in parts if part)


def _prices(info: Mapping[str, Any]) -> str:
    reads, writes = _price(info, "input_cost_per_token"), _price(info, "output_cost_per_token")
    parts = [
        f"{_per_million(cost)} {word}"
        for cost, word in ((reads, "in"), (writes, "out"))
        if cost is not None
    ]
    return f"{', '.join(parts)} per million tokens." if parts else ""


def _price(info: Mapping[str, Any], name: str) -> float | None:
    cost = info.get(name)
    return float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) else None


def _per_million(cost: float) -> str:
    # From the shortest decimal that means this float: it is what the price list says.
    amount = Decimal(repr(cost)) * _MILLION
    whole, _, places = f"{amount:,f}".partition(".")
    return f"${whole}.{places.rstrip('0').ljust(2, '0')}"


def _sizes(info: Mapping[str, Any]) -> str:
    reads, writes = info.get("max_input_tokens"), info.get("max_output_tokens")
    parts = [
        f"{word} {size:,}"
        for size, word in ((reads, "reads"), (writes, "writes"))
        if isinstance(size, int) and size > 0
    ]
    line = f"{', '.join(parts)} tokens." if parts else ""
    return line[:1].upper() + line[1:]
