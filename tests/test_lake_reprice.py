"""What a row tells of its usage is all that its cost needs: the gate's figure comes out again."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from sekisho.lake.upkeep.reprice import NotKnown, Prices, Row
from sekisho.pricing import catalog
from sekisho.pricing.agents import price_of_rule
from sekisho.pricing.cost import Unpriced, cost
from sekisho.pricing.price import Price
from sekisho.pricing.usage import Usage
from sekisho.providers.deployment import Deployment

USAGES = (
    Usage(input_tokens=12_345, output_tokens=678, reasoning_output_tokens=99),
    Usage(
        input_tokens=250_001,
        cache_read_input_tokens=100_000,
        cache_write_5m_input_tokens=3_000,
        cache_write_1h_input_tokens=2_000,
        output_tokens=7,
    ),
    Usage(
        input_tokens=900,
        audio_input_tokens=300,
        image_input_tokens=200,
        output_tokens=900,
        audio_output_tokens=100,
        image_output_tokens=400,
    ),
    Usage(images=2),
    Usage(images=1, output_tokens=1290, image_output_tokens=1290),
    Usage(seconds=Decimal("12.34")),
    Usage(characters=1234, seconds=Decimal("9.5")),
    Usage(queries=3),
    Usage(input_tokens=40, output_tokens=4, queries=1),
    Usage(pages=5),
)
PRICES = sorted(catalog.load().prices.values(), key=lambda price: price.id)


def row_of(usage: Usage) -> Row:
    """The row that the gate writes of this usage."""
    units: dict[str, Any] = {
        "images": usage.images,
        "seconds": usage.seconds,
        "characters": usage.characters,
        "queries": usage.queries,
        "pages": usage.pages,
        "audio_input_tokens": usage.audio_input_tokens,
        "audio_output_tokens": usage.audio_output_tokens,
        "image_input_tokens": usage.image_input_tokens,
        "image_output_tokens": usage.image_output_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_input_tokens,
    }
    return Row(
        request_id="r",
        status="success",
        gen_ai_operation_name="chat",
        deployment_id="model@cloud",
        gen_ai_response_model="model",
        gen_ai_usage_input_tokens=usage.input_tokens,
        gen_ai_usage_output_tokens=usage.output_tokens,
        gen_ai_usage_cache_read_input_tokens=usage.cache_read_input_tokens,
        gen_ai_usage_cache_creation_input_tokens=(
            usage.cache_write_5m_input_tokens + usage.cache_write_1h_input_tokens
        ),
        gen_ai_usage_reasoning_output_tokens=usage.reasoning_output_tokens,
        other_units={name: Decimal(count) for name, count in units.items() if count},
        billed_cost=None,
        is_priced=False,
        cost_breakdown=None,
    )


def prices(price: Price, tier: str | None = None) -> Prices:
    """The prices of one deployment with that price."""
    params: dict[str, Any] = {"model": "model"}
    known = catalog.Catalog({price.id: price}, "x")
    one = Deployment("model@cloud", "model", "bedrock", "chat", params, {}, price.id)
    return Prices([one], known, tier)


@pytest.mark.parametrize("usage", USAGES, ids=lambda usage: str(USAGES.index(usage)))
def test_every_price_comes_to_what_the_gate_has_billed(usage: Usage) -> None:
    """For each price of the list: the same cost to the twelfth decimal, or no price for both."""
    for price in PRICES:
        if len(set(price.images.values())) > 1 and usage.images:
            with pytest.raises(NotKnown, match="size of its pictures"):
                prices(price, "standard").bill(row_of(usage))
            continue
        try:
            billed = cost(price, usage).total
        except Unpriced as error:
            with pytest.raises(NotKnown, match=f"^{error}$"):
                prices(price, "standard").bill(row_of(usage))
            continue
        step = Decimal("0.000000000001")
        found = prices(price, "standard").bill(row_of(usage)).total
        assert found == billed.quantize(step, ROUND_HALF_UP), price.id


def test_a_tier_is_asked_for_only_where_it_matters() -> None:
    """With several tiers a row that tells none isn't priced, unless all cost the same."""
    (price,) = (price for price in PRICES if price.id == "azure/gpt-5")
    with pytest.raises(NotKnown, match=r"service tier is not in the row \(--tier tells it\)"):
        prices(price).bill(row_of(Usage(input_tokens=10)))
    (claude,) = (p for p in PRICES if p.id == "bedrock/global.anthropic.claude-sonnet-4-6")
    assert prices(claude).bill(row_of(Usage(input_tokens=10))).total == Decimal("0.00003")


def agent(rule: object) -> Deployment:
    """The deployment of an agent with a price rule."""
    price = price_of_rule(rule, "desk@agent")
    params = {"model": "custom_openai/desk"}
    return Deployment("desk@agent", "desk", "agent", "chat", params, {}, "desk@agent", price)


def test_an_agents_answer_has_a_new_price() -> None:
    """A request that was recorded as one is billed by the rule of today; what was told stays."""
    usage = Usage(input_tokens=11, output_tokens=7)
    row = replace(
        row_of(usage),
        deployment_id="desk@agent",
        gen_ai_response_model="custom_openai/desk",
        other_units={"requests": Decimal(1)},
    )
    dearer = Prices([agent({"per_request": "0.07"})], catalog.load())
    assert dearer.bill(row).total == Decimal("0.07")
    told = Prices([agent("passed_through")], catalog.load())
    with pytest.raises(NotKnown):
        told.bill(row)


@pytest.mark.parametrize("name", ["mcp", "mcp_tool_call", "mcp_prompt_get", "mcp_resource_read"])
def test_calls_of_mcp_servers_are_free(name: str) -> None:
    """Nobody bills them, whatever the prices are."""
    row = replace(row_of(Usage()), gen_ai_operation_name=name, deployment_id="calc")
    assert Prices([], catalog.load()).bill(row).total == 0
