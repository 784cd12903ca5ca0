"""The price catalogue: reads ``prices/*.yaml``, checks every figure, answers by price id.

An entry is keyed by a LiteLLM model id with its provider (``bedrock/global.anthropic.claude-…``).
Its keys are units (``units.py``; figures are quoted decimals in USD, per million for tokens and
characters, each for the rest), ``above_N`` (figures of requests with more than N input tokens),
``priority`` and ``flex`` (service tiers, with their own ``above_N``), ``image`` (one figure, or
figures by size and quality), ``regional`` (what a non-global Vertex AI endpoint multiplies all
figures with; it makes a second price ``ID#regional``),
``estimate`` (each, for answers that do not report the units above),
``source`` and ``date``; or ``same_as``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from .price import Price, Rates, Step
from .units import BY_NAME, TOKEN_UNITS

FOLDER = Path(__file__).parent / "prices"
REGIONAL = "#regional"
TIERS = ("priority", "flex")
_META = frozenset({"source", "date", "regional", "image", "estimate", *TIERS})
_ABOVE = "above_"


class PriceError(ValueError):
    """A price file is wrong; the message is one line: file, entry, what."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All prices, by id. ``version`` is a short hash of the files' content."""

    prices: Mapping[str, Price]
    version: str

    def price(self, price_id: str) -> Price | None:
        """The price with that id, or None when there is none."""
        return self.prices.get(price_id)

    def __contains__(self, price_id: object) -> bool:
        """Whether there is a price with that id."""
        return price_id in self.prices


def load(folder: Path | None = None) -> Catalog:
    """Read all price files of a folder (default: ours).

    Raises PriceError with one line naming the file and the entry when something is wrong there.
    """
    return _load(folder or FOLDER)


@cache
def _load(folder: Path) -> Catalog:
    digest = hashlib.sha256()
    raw: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.yaml")):
        content = path.read_bytes()
        digest.update(content)
        for price_id, entry in _read(path.name, content):
            if price_id in raw:
                raise PriceError(f"{path.name}: {price_id}: is there twice")
            raw[price_id] = (path.name, entry)
    prices = {price.id: price for name in raw for price in _prices(name, raw)}
    return Catalog(prices, digest.hexdigest()[:12])


def _read(name: str, content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        parsed: object = yaml.load(content, Loader=_LOADER)  # noqa: S506 - safe loaders only
    except yaml.YAMLError as error:
        raise PriceError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(parsed, dict):
        raise PriceError(f"{name}: must be a mapping of price ids")
    for price_id, entry in cast("dict[str, object]", parsed).items():
        if not isinstance(entry, dict):
            raise PriceError(f"{name}: {price_id}: must be a mapping of units")
        yield price_id, cast("dict[str, Any]", entry)


def _prices(price_id: str, raw: Mapping[str, tuple[str, dict[str, Any]]]) -> Iterator[Price]:
    name, entry = raw[price_id]
    where = f"{name}: {price_id}"
    other = entry.get("same_as")
    if other is not None:
        if len(entry) != 1:
            raise PriceError(f"{where}: same_as stands alone")
        if other not in raw or "same_as" in raw[other][1]:
            raise PriceError(f"{where}: same_as {other}: no such entry with figures")
        entry = raw[other][1]
    yield price_from(price_id, where, entry, Decimal(1))
    if "regional" in entry:
        yield price_from(price_id + REGIONAL, where, entry, _decimal(where, entry["regional"]))


def price_from(price_id: str, where: str, entry: Mapping[str, Any], factor: Decimal) -> Price:
    """The price that an entry describes, all figures times ``factor``.

    Raises PriceError with one line, beginning with ``where``, when a figure is missing or wrong.
    """
    source, day = entry.get("source"), entry.get("date")
    if not isinstance(source, str) or not source:
        raise PriceError(f"{where}: has no source")
    if not isinstance(day, date):
        raise PriceError(f"{where}: has no date")
    standard = _rates(where, {k: v for k, v in entry.items() if k not in _META}, factor)
    tiers = {t: _rates(f"{where}: {t}", entry[t], factor) for t in TIERS if t in entry}
    for tier, rates in tiers.items():
        _same_tokens(f"{where}: {tier}", standard.figures, rates.figures)
        if [s.above for s in rates.steps] != [s.above for s in standard.steps]:
            raise PriceError(f"{where}: {tier}: must have the same above_ steps")
    images = _images(where, entry.get("image", {}), factor)
    if not standard.figures and not images:
        raise PriceError(f"{where}: has no figures")
    estimate = _images(f"{where}: estimate", entry.get("estimate", {}), factor)
    return Price(price_id, standard, source, day, tiers, images, estimate)


def _rates(where: str, entry: Mapping[str, Any], factor: Decimal) -> Rates:
    steps: list[Step] = []
    figures: dict[str, Decimal] = {}
    for key, value in entry.items():
        if key.startswith(_ABOVE) and key.removeprefix(_ABOVE).isdecimal():
            step = _rates(f"{where}: {key}", value, factor).figures
            steps.append(Step(int(key.removeprefix(_ABOVE)), step))
        elif key in BY_NAME and key != "image":
            figures[key] = _decimal(f"{where}: {key}", value) * factor / BY_NAME[key].per
        else:
            raise PriceError(f"{where}: unknown key {key}")
    for one in steps:
        _same_tokens(f"{where}: above_{one.above}", figures, one.figures)
    return Rates(figures, tuple(sorted(steps, key=lambda step: step.above)))


def _images(where: str, value: object, factor: Decimal) -> dict[str, Decimal]:
    if not isinstance(value, dict):
        value = {"default": value}
    figures = cast("dict[str, object]", value)
    return {k: _decimal(f"{where}: image {k}", v) * factor for k, v in figures.items()}


def _same_tokens(where: str, base: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> None:
    # A unit that a tier forgets would silently cost the standard figure.
    wanted, found = ({u for u in TOKEN_UNITS if u in figures} for figures in (base, other))
    if wanted != found:
        raise PriceError(f"{where}: must have the same token units: {sorted(wanted ^ found)}")


def _decimal(where: str, value: object) -> Decimal:
    # Unquoted 0.1 in YAML is a float, and floats are how prices get wrong.
    if not isinstance(value, str):
        raise PriceError(f'{where}: must be a quoted decimal such as "0.15", not {value!r}')
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise PriceError(f"{where}: not a decimal: {value}") from None
    if not number.is_finite() or number < 0:
        raise PriceError(f"{where}: must be 0 or more: {value}")
    return number


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
