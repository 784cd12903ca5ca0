"""What a client may know of an alias: how much it reads and writes, what it can, what it costs.

An alias can have several deployments. A client that keeps to the card is right on each of them: the
sizes are the smallest, an ability is one that all have, a price is the dearest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..pricing.price import Price
from ..providers.deployment import Deployment, Mode

ABILITIES = (
    "supports_function_calling",
    "supports_vision",
    "supports_reasoning",
    "supports_prompt_caching",
    "supports_response_schema",
    "supports_pdf_input",
    "supports_audio_input",
    "supports_video_input",
    "supports_web_search",
)
"""LiteLLM's names of what a model can; the model files say which hold."""

_TALKS = frozenset[Mode]({"chat", "responses"})


@dataclass(frozen=True, slots=True)
class Card:
    """One alias as clients see it.

    `reads` and `writes` are tokens, None when unknown. `abilities` are names of `ABILITIES`.
    `figures` are USD for one unit by the price list's names of units (`pricing.units`), in the
    standard tier. `pinned` tells an alias that stays on one cloud (`ALIAS-CLOUD`). `models` are the
    providers' own names, provider first, which no client is shown.
    """

    alias: str
    mode: Mode
    reads: int | None
    writes: int | None
    abilities: frozenset[str]
    figures: Mapping[str, Decimal]
    pinned: bool
    models: tuple[str, ...]

    @property
    def talks(self) -> bool:
        """Whether it takes part in conversations (Chat Completions, Messages, Responses)."""
        return self.mode in _TALKS


def card_of(alias: str, choices: Sequence[tuple[Deployment, Price | None]]) -> Card:
    """The card of an alias, from its deployments (one at least) and their prices."""
    deployments = [deployment for deployment, _ in choices]
    abilities = [_abilities(deployment.model_info) for deployment in deployments]
    return Card(
        alias=alias,
        mode=deployments[0].mode,
        reads=_least(deployments, "max_input_tokens"),
        writes=_least(deployments, "max_output_tokens"),
        abilities=frozenset.intersection(*abilities),
        figures=_dearest([price for _, price in choices if price is not None]),
        pinned=all(alias.endswith(f"-{deployment.cloud}") for deployment in deployments),
        models=tuple(deployment.model for deployment in deployments),
    )


def _abilities(info: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in ABILITIES if info.get(name) is True)


def _least(deployments: Sequence[Deployment], name: str) -> int | None:
    found = [deployment.model_info.get(name) for deployment in deployments]
    return min((size for size in found if isinstance(size, int)), default=None)


def _dearest(prices: Sequence[Price]) -> dict[str, Decimal]:
    figures: dict[str, Decimal] = {}
    for price in prices:
        for unit, usd in price.standard.figures.items():
            figures[unit] = max(usd, figures.get(unit, usd))
    return figures
