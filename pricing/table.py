"""The models and their prices as a Markdown table, for docs/models.md."""

from collections.abc import Iterable

from . import importer
from .catalog import Catalog, load
from .overrides import Priced, price_of
from .price import Price
from .units import BY_NAME, ONE

_TOKENS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
_HEAD = (
    "| Alias | Cloud | Kind | Input | Cache read | Cache write 5 min | Cache write 1 h | Output | "
    "Also |\n|---|---|---|--:|--:|--:|--:|--:|---|\n"
)


def markdown(deployments: Iterable[tuple[str, Priced]], catalog: Catalog | None = None) -> str:
    """A table of deployments, given as (cloud, deployment), one row each, in their order.

    Token prices are in USD per million; a dash means that the model does not bill that unit.
    """
    known = catalog or load()
    return _HEAD + "".join(_row(cloud, one, price_of(one, known)) for cloud, one in deployments)


def _row(cloud: str, one: Priced, price: Price | None) -> str:
    cells = [f"`{one.alias}`", cloud, one.mode]
    cells += ["-" if price is None else _figure(price, unit) for unit in _TOKENS]
    cells.append("no price" if price is None else _others(price))
    return f"| {' | '.join(cells)} |\n"


def _figure(price: Price, unit: str) -> str:
    figure = price.standard.figures.get(unit)
    return "-" if figure is None else importer.text(figure * BY_NAME[unit].per)


def _others(price: Price) -> str:
    parts = [
        f"{unit.replace('_', ' ')} {_figure(price, unit)}"
        + (" each" if BY_NAME[unit].per == ONE else "")
        for unit in price.standard.figures
        if unit not in _TOKENS
    ]
    parts += [f"image {key} {importer.text(figure)}" for key, figure in price.images.items()]
    parts += [f"higher above {step.above:,} input tokens" for step in price.standard.steps]
    parts += [f"{tier} tier" for tier in price.tiers]
    return "; ".join(parts)
