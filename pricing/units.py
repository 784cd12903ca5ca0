"""The units that models bill, and how each is written in a price file and counted in a usage."""

from dataclasses import dataclass
from decimal import Decimal

MILLION = Decimal(1_000_000)
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Unit:
    """One billable unit.

    ``name`` is its key in the price files, ``per`` how many units a figure there pays for,
    ``quantity`` the field of Usage that counts it, ``measure`` the kind of counting it belongs to:
    a model that bills by the second may also report tokens, and those are then information only.
    """

    name: str
    per: Decimal
    quantity: str
    measure: str


UNITS = (
    Unit("input", MILLION, "input_tokens", "tokens"),
    Unit("cache_read", MILLION, "cache_read_input_tokens", "tokens"),
    Unit("cache_write_5m", MILLION, "cache_write_5m_input_tokens", "tokens"),
    Unit("cache_write_1h", MILLION, "cache_write_1h_input_tokens", "tokens"),
    Unit("audio_input", MILLION, "audio_input_tokens", "tokens"),
    Unit("image_input", MILLION, "image_input_tokens", "tokens"),
    Unit("output", MILLION, "output_tokens", "tokens"),
    Unit("reasoning", MILLION, "reasoning_output_tokens", "tokens"),
    Unit("audio_output", MILLION, "audio_output_tokens", "tokens"),
    Unit("image_output", MILLION, "image_output_tokens", "tokens"),
    Unit("image", ONE, "images", "images"),
    Unit("second", ONE, "seconds", "seconds"),
    Unit("character", MILLION, "characters", "characters"),
    Unit("query", ONE, "queries", "queries"),
    Unit("page", ONE, "pages", "pages"),
    Unit("request", ONE, "requests", "requests"),
    Unit("passed_through", ONE, "told_usd", "usd"),
)

BY_NAME = {unit.name: unit for unit in UNITS}
TOKEN_UNITS = tuple(unit.name for unit in UNITS if unit.measure == "tokens")
INPUT_PARTS = ("cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "image_input")
"""Parts of ``input_tokens`` that can have a price of their own."""
OUTPUT_PARTS = ("reasoning", "audio_output", "image_output")
"""Parts of ``output_tokens`` that can have a price of their own."""
SAME_AS_TEXT = frozenset({"cache_read", "image_input", "reasoning"})
"""Parts that cost what plain text costs unless the price says otherwise: providers count the
tokens of a picture, and the thoughts of a model, as ordinary input and output tokens, and where
no discount for cached tokens is published there is none."""
