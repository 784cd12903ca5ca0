"""Our prices against LiteLLM's own model map: where they differ, and who has no figure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from . import importer
from .catalog import REGIONAL, Catalog, PriceError, load, price_from
from .price import Price, Rates
from .units import BY_NAME


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that differs. ``ours`` and ``theirs`` are as written in price files (USD per
    million tokens or characters, else each); None where one side has no figure."""

    price_id: str
    unit: str
    ours: Decimal | None
    theirs: Decimal | None

    def __str__(self) -> str:
        """One line with both figures."""
        ours, theirs = ("none" if f is None else importer.text(f) for f in (self.ours, self.theirs))
        return f"{self.price_id}: {self.unit}: ours {ours}, LiteLLM's {theirs}"


def differences(catalog: Catalog | None = None, ids: Iterable[str] = ()) -> list[Difference]:
    """All figures that differ from LiteLLM's map, by price id (all of ours, or only ``ids``)."""
    prices = (catalog or load()).prices
    found: list[Difference] = []
    for price_id in ids or prices:
        if REGIONAL not in price_id:
            found.extend(_compare(price_id, prices[price_id], _theirs(price_id)))
    return found


def _theirs(price_id: str) -> Price | None:
    entry = importer.entry(price_id)
    if entry is None:
        return None
    try:
        dated = {**entry, "date": _ANY_DAY}
        return price_from(price_id, "litellm", dated, Decimal(1))
    except PriceError:
        return None


def _compare(price_id: str, ours: Price, theirs: Price | None) -> Iterator[Difference]:
    mine, other = dict(_figures(ours)), dict(_figures(theirs)) if theirs else {}
    for unit in dict.fromkeys((*mine, *other)):
        if mine.get(unit) != other.get(unit):
            yield Difference(price_id, unit, mine.get(unit), other.get(unit))


def _figures(price: Price) -> Iterator[tuple[str, Decimal]]:
    yield from _rates("", price.standard)
    for tier, rates in price.tiers.items():
        yield from _rates(f"{tier} ", rates)
    for key, figure in price.images.items():
        yield "image" if key == "default" else f"image {key}", figure


def _rates(name: str, rates: Rates) -> Iterator[tuple[str, Decimal]]:
    for unit, figure in rates.figures.items():
        yield name + unit, figure * BY_NAME[unit].per
    for step in rates.steps:
        for unit, figure in step.figures.items():
            yield f"{name}above_{step.above} {unit}", figure * BY_NAME[unit].per


_ANY_DAY = importer.MAP_DAY
