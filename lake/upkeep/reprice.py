"""What a row would cost by the present prices, from what the row itself tells of its usage.

This is the gate's calculation done again. What it knew and the row doesn't tell (the size of a
picture, in rows of an older Sekisho the service tier) makes the answer "not known", never a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

from ...pricing.catalog import Catalog
from ...pricing.cost import Cost, Unpriced, cost
from ...pricing.overrides import Priced, price_of
from ...pricing.price import Price
from ...pricing.usage import QUANTITIES, Usage

# The scales of DECIMAL(18,12), which costs have in the lake, and DECIMAL(18,6), which units have.
_COST_STEP = Decimal("0.000000000001")
_HALF_UNIT_STEP = Decimal("0.0000005")
_NEVER_BILLED = ("refused", "failure")
_ZERO = Decimal(0)


class Deployed(Priced, Protocol):
    """A deployment, as `providers.deployment.Deployment` is one."""

    @property
    def model(self) -> str:
        """The model as LiteLLM calls it, provider first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What of a row of `llm_usage` its cost depends on; names are the columns'."""

    request_id: str
    status: str
    gen_ai_operation_name: str | None
    deployment_id: str | None
    gen_ai_response_model: str | None
    gen_ai_usage_input_tokens: int | None
    gen_ai_usage_output_tokens: int | None
    gen_ai_usage_cache_read_input_tokens: int | None
    gen_ai_usage_cache_creation_input_tokens: int | None
    gen_ai_usage_reasoning_output_tokens: int | None
    other_units: Mapping[str, Decimal] | None
    billed_cost: Decimal | None
    is_priced: bool | None
    cost_breakdown: Mapping[str, Decimal] | None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """What a row costs (USD), as the lake holds it: to the twelfth decimal.

    `slack` is how far from that a right cost may be, because the row holds a rounded quantity.
    """

    total: Decimal
    breakdown: Mapping[str, Decimal]
    price: Price | None = None
    slack: Decimal = _ZERO

    def is_already_in(self, row: Row) -> bool:
        """Whether the row says so."""
        if row.billed_cost is None or not row.is_priced:
            return False
        if abs(row.billed_cost - self.total) > self.slack:
            return False
        return bool(self.slack) or dict(row.cost_breakdown or {}) == self.breakdown


class NotKnown(Exception):
    """The row's cost can't be told; the message says why, the same for all such rows."""


FREE = Bill(_ZERO, {})


class Prices:
    """The present prices of the configured deployments."""

    def __init__(
        self, deployments: Iterable[Deployed], catalog: Catalog, tier: str | None = None
    ) -> None:
        """`tier` is the service tier of rows that don't tell theirs (`standard` or a price's own).

        Raises PriceError when a deployment's own cost fields can't be read.
        """
        self.version = catalog.version
        self._tier = tier
        self._by_id: dict[str, Deployed] = {}
        self._by_model: dict[str, list[Deployed]] = {}
        for deployment in deployments:
            self._by_id[deployment.id] = deployment
            self._by_model.setdefault(deployment.model, []).append(deployment)
        self._prices = {d.id: price_of(d, catalog) for d in self._by_id.values()}

    def ids(self, alias: str) -> list[str]:
        """The deployments of an alias."""
        return [d.id for d in self._by_id.values() if d.alias == alias]

    def aliases(self) -> list[str]:
        """Every alias, in alphabetical order."""
        return sorted({d.alias for d in self._by_id.values()})

    def bill(self, row: Row) -> Bill:
        """What the row costs by today's prices. Raises NotKnown."""
        if _is_free(row):
            return FREE
        usage = _usage(row)
        price = self._price(row)
        if usage.images and len(set(price.images.values())) > 1:
            raise NotKnown("the size of its pictures is not in the row")
        tier = row.service_tier or self._tier
        return _rounded(_cost(price, usage, tier), usage, price)

    def _price(self, row: Row) -> Price:
        if row.deployment_id is None:
            raise NotKnown("which deployment answered is not in the row")
        own = self._by_id.get(row.deployment_id)
        model = row.gen_ai_response_model
        # An id outlives a change of region or profile, and the model may cost less there.
        if own is not None and model in (None, own.model):
            same = [own]
        else:
            same = self._by_model.get(model or "", [])
        prices = [price for one in same if (price := self._prices[one.id]) is not None]
        if not same:
            raise NotKnown(f"no deployment of {model or row.deployment_id} is configured here")
        if not prices:
            raise NotKnown(f"{model} has no price")
        if any(price.standard != prices[0].standard for price in prices[1:]):
            raise NotKnown(f"{model} has several prices, and its deployment is not configured here")
        return prices[0]


def _cost(price: Price, usage: Usage, tier: str | None) -> Cost:
    """`tier` None is one that nobody has told: rows of an older Sekisho."""
    try:
        if tier is not None:
            return cost(price, replace(usage, service_tier=tier))
        standard = cost(price, usage)
        tiers = (cost(price, replace(usage, service_tier=name)) for name in price.tiers)
        if any(one.total != standard.total for one in tiers):
            raise NotKnown("its service tier is not in the row (--tier tells it)")
    except Unpriced as error:
        raise NotKnown(str(error)) from None
    return standard


def _is_free(row: Row) -> bool:
    """Whether the gate billed nothing for it whatever the price: no provider has answered."""
    operation = row.gen_ai_operation_name or ""
    if row.status in _NEVER_BILLED or operation == "count_tokens" or operation.startswith("mcp"):
        return True
    return row.deployment_id is None and row.billed_cost == 0


def _usage(row: Row) -> Usage:
    units = row.other_units or {}
    written = row.gen_ai_usage_cache_creation_input_tokens or 0
    for_an_hour = int(units.get("cache_write_1h_tokens", 0))
    usage = Usage(
        input_tokens=row.gen_ai_usage_input_tokens or 0,
        output_tokens=row.gen_ai_usage_output_tokens or 0,
        cache_read_input_tokens=row.gen_ai_usage_cache_read_input_tokens or 0,
        cache_write_5m_input_tokens=max(written - for_an_hour, 0),
        cache_write_1h_input_tokens=for_an_hour,
        reasoning_output_tokens=row.gen_ai_usage_reasoning_output_tokens or 0,
        audio_input_tokens=int(units.get("audio_input_tokens", 0)),
        audio_output_tokens=int(units.get("audio_output_tokens", 0)),
        image_input_tokens=int(units.get("image_input_tokens", 0)),
        image_output_tokens=int(units.get("image_output_tokens", 0)),
        images=int(units.get("images", 0)),
        seconds=units.get("seconds", _ZERO),
        characters=int(units.get("characters", 0)),
        queries=int(units.get("queries", 0)),
        pages=int(units.get("pages", 0)),
        requests=int(units.get("requests", 0)),
    )
    if not any(getattr(usage, name) for name in QUANTITIES):
        raise NotKnown("what it used is not in the row")
    return usage


def _rounded(exact: Cost, usage: Usage, price: Price) -> Bill:
    breakdown = {unit: _round(part) for unit, part in exact.breakdown.items()}
    slack = _ZERO
    if usage.seconds and "second" in exact.breakdown:
        slack = _round(exact.breakdown["second"] / usage.seconds * _HALF_UNIT_STEP) + _COST_STEP
    return Bill(_round(exact.total), breakdown, price, slack)


def _round(amount: Decimal) -> Decimal:
    """As DuckDB does when it reads the gate's exact figure."""
    return amount.quantize(_COST_STEP, ROUND_HALF_UP)
