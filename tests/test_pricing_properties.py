"""What holds for every price and every usage, not only for the examples."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sekisho.pricing import catalog
from sekisho.pricing.cost import Unpriced, cost
from sekisho.pricing.price import Price
from sekisho.pricing.units import BY_NAME, INPUT_PARTS, OUTPUT_PARTS
from sekisho.pricing.usage import Usage

PRICES = list(catalog.load().prices.values())
TOKEN_PRICES = [p for p in PRICES if {"input", "output"} <= p.units]
FLAT_PRICES = [p for p in TOKEN_PRICES if not p.standard.steps]
counts = st.integers(min_value=0, max_value=2_000_000)


@st.composite
def usage_for(draw: st.DrawFn, price: Price) -> Usage:
    """A usage that a model of that price could report: parts that add up to the wholes."""
    parts = {
        unit: draw(counts)
        for unit in (*INPUT_PARTS, *OUTPUT_PARTS)
        if unit in price.standard.figures
    }
    named: dict[str, Any] = {BY_NAME[unit].quantity: count for unit, count in parts.items()}
    return Usage(
        input_tokens=draw(counts) + sum(parts.get(unit, 0) for unit in INPUT_PARTS),
        output_tokens=draw(counts) + sum(parts.get(unit, 0) for unit in OUTPUT_PARTS),
        service_tier=draw(st.sampled_from([None, *price.tiers])),
        **named,
    )


@given(st.data())
@settings(deadline=None)
def test_never_negative_and_adds_up(data: st.DataObject) -> None:
    """No part of a cost is negative, and the parts add up to the total exactly."""
    price = data.draw(st.sampled_from(TOKEN_PRICES))
    result = cost(price, data.draw(usage_for(price)))
    assert all(part > 0 for part in result.breakdown.values())
    assert sum(result.breakdown.values(), Decimal(0)) == result.total >= 0


@given(st.data())
@settings(deadline=None)
def test_additive_without_long_context(data: st.DataObject) -> None:
    """Two requests in the same tier cost together what their summed usage costs."""
    price = data.draw(st.sampled_from(FLAT_PRICES))
    first = data.draw(usage_for(price))
    second = replace(data.draw(usage_for(price)), service_tier=first.service_tier)
    both = cost(price, first).total + cost(price, second).total
    assert cost(price, first + second).total == both


@given(st.data())
@settings(deadline=None)
def test_monotone(data: st.DataObject) -> None:
    """More input or more output never costs less, also across a long-context threshold."""
    price = data.draw(st.sampled_from(TOKEN_PRICES))
    usage = data.draw(usage_for(price))
    more = usage + Usage(input_tokens=data.draw(counts), output_tokens=data.draw(counts))
    assert cost(price, more).total >= cost(price, usage).total


@given(st.data())
@settings(deadline=None)
def test_every_unpriced_part_raises(data: st.DataObject) -> None:
    """A billed part without a figure raises, whatever else was used and whichever the model."""
    price = data.draw(st.sampled_from(TOKEN_PRICES))
    strict = {"cache_write_5m", "cache_write_1h", "audio_input", "audio_output"}
    unit = data.draw(st.sampled_from(sorted(strict - price.units)))
    one: dict[str, Any] = {BY_NAME[unit].quantity: 1}
    usage = Usage(input_tokens=data.draw(counts)) + Usage(**one)
    with pytest.raises(Unpriced):
        cost(price, usage)


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=10**12))
def test_exact_for_any_count(tokens: int, cached: int) -> None:
    """No count is large enough to be rounded."""
    price = catalog.load().prices["bedrock/us.amazon.nova-micro-v1:0"]
    usage = Usage(input_tokens=tokens + cached, cache_read_input_tokens=cached)
    # 0.035 and 0.00875 USD per million tokens, in integers.
    assert cost(price, usage).total * 10**11 == tokens * 3500 + cached * 875
