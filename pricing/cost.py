"""What a request costs: its usage times its price, exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

from .price import Price
from .units import BY_NAME, INPUT_PARTS, OUTPUT_PARTS, SAME_AS_TEXT, UNITS
from .usage import Usage

_EXACT = Context(prec=60)
"""Enough digits that no sum or product of prices and counts is ever rounded."""


class Unpriced(Exception):
    """The usage has a unit that the price has no figure for; ``unit`` names it."""

    def __init__(self, unit: str, price_id: str = "") -> None:
        """``unit`` as in the price files; ``price_id`` is where a figure is missing."""
        self.unit = unit
        super().__init__(f"no price for {unit}" + (f" in {price_id}" if price_id else ""))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request costs in USD: the total and, by unit, what it is made of (no zero parts)."""

    total: Decimal
    breakdown: dict[str, Decimal]


def cost(price: Price, usage: Usage) -> Cost:
    """The cost of a request in USD, without rounding.

    More input tokens than a long-context threshold: the whole request costs the higher figures.
    Parts of the input (cache reads and writes, audio, images) and of the output (reasoning, audio,
    images) are taken out of it before the plain figure applies, when they have their own.

    Raises Unpriced when the usage has a unit that the price has no figure for.
    """
    with localcontext(_EXACT):
        figures = _figures(price, usage)
        counts = _counts(figures, usage)
        if not _is_measured(figures, counts):
            figures = {**figures, **price.estimate}
        _refuse_unpriced(price, figures, counts)
        parts = {
            unit: figures[unit] * count
            for unit, count in counts.items()
            if count and unit in figures and figures[unit]
        }
        return Cost(sum(parts.values(), Decimal(0)), parts)


def _figures(price: Price, usage: Usage) -> Mapping[str, Decimal]:
    rates = price.rates(usage.service_tier)
    if rates is None:
        raise Unpriced(f"service tier {usage.service_tier}", price.id)
    figures = dict(rates.at(usage.input_tokens))
    if usage.images and price.images:
        image = price.image(usage.image_size, usage.image_quality)
        if image is None:
            raise Unpriced(f"image {usage.image_size}/{usage.image_quality}", price.id)
        figures["image"] = image
    return figures


def _counts(figures: Mapping[str, Decimal], usage: Usage) -> dict[str, Decimal]:
    counts = {unit.name: Decimal(getattr(usage, unit.quantity)) for unit in UNITS}
    for whole, parts in (("input", INPUT_PARTS), ("output", OUTPUT_PARTS)):
        for part in parts:
            if part in SAME_AS_TEXT and part not in figures:
                counts[part] = Decimal(0)
        rest = counts[whole] - sum(counts[part] for part in parts)
        # Parts that exceed the whole are a provider's miscount; a request never costs less for it.
        counts[whole] = max(rest, Decimal(0))
    return counts


def _is_measured(figures: Mapping[str, Decimal], counts: Mapping[str, Decimal]) -> bool:
    """Whether the provider reported what it bills (some answer with sound or a picture alone)."""
    if counts["image"] and "image" not in figures and "image_output" in figures:
        return bool(counts["output"] or counts["image_output"])
    billed = {BY_NAME[unit].measure for unit in figures}
    return any(count and BY_NAME[unit].measure in billed for unit, count in counts.items())


def _refuse_unpriced(
    price: Price, figures: Mapping[str, Decimal], counts: Mapping[str, Decimal]
) -> None:
    measured = _is_measured(figures, counts)
    billed = {BY_NAME[unit].measure for unit in figures}
    for unit, count in counts.items():
        if not count or unit in figures:
            continue
        # Tokens of a model that bills by the second are information, once there are seconds.
        if not measured or BY_NAME[unit].measure in billed or unit == "query":
            raise Unpriced(unit, price.id)
