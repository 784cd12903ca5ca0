"""Models in the shape of LiteLLM's `/model/info`: Cline and Roo Code read sizes and prices there.

LiteLLM's own answer also has each deployment's id, address, project and region. Here an alias is
one entry, and `litellm_params` has the alias alone: Roo Code skips an entry without it.
"""

from collections.abc import Sequence
from typing import Any

from .models_card import ABILITIES, Card

_COSTS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "reasoning": "output_cost_per_reasoning_token",
    "audio_input": "input_cost_per_audio_token",
    "audio_output": "output_cost_per_audio_token",
}
"""Our units and LiteLLM's names of their prices, in USD for one token."""


def listing(cards: Sequence[Card]) -> dict[str, Any]:
    """All of them."""
    return {"data": [one(card) for card in cards]}


def one(card: Card) -> dict[str, Any]:
    """One model, with its sizes in tokens and its prices in USD."""
    info: dict[str, Any] = {"mode": _MODES.get(card.mode, card.mode)}
    info |= {
        "max_input_tokens": card.reads,
        "max_output_tokens": card.writes,
        # LiteLLM's older name of the same, for clients that still look for it.
        "max_tokens": card.writes or card.reads,
    }
    info |= {
        name: float(card.figures[unit]) for unit, name in _COSTS.items() if unit in card.figures
    }
    info |= {name: name in card.abilities for name in ABILITIES}
    return {
        "model_name": card.alias,
        "litellm_params": {"model": card.alias},
        "model_info": info,
    }


_MODES = {
    "image": "image_generation",
    "transcription": "audio_transcription",
    "speech": "audio_speech",
}
