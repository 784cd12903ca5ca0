"""What requests cost, computed by hand from the vendors' price lists.

Each row's comment is the sum in millionths of a USD: tokens times USD per million tokens.
"""

from datetime import date
from decimal import Decimal

import pytest
from sekisho.pricing import catalog
from sekisho.pricing.cost import Unpriced, cost
from sekisho.pricing.usage import Usage

DAY = date(2026, 11, 21)

ROWS = [
    # Anthropic on Bedrock.
    # 1000*3 + 500*15
    (
        "bedrock/global.anthropic.claude-sonnet-4-6",
        Usage(input_tokens=1000, output_tokens=500),
        "0.0105",
    ),
    # 1000*3 + 6000*0.30 read + 2000*3.75 written 5 min + 1000*6 written 1 h + 100*15
    (
        "bedrock/global.anthropic.claude-sonnet-4-6",
        Usage(
            input_tokens=10_000,
            cache_read_input_tokens=6000,
            cache_write_5m_input_tokens=2000,
            cache_write_1h_input_tokens=1000,
            output_tokens=100,
        ),
        "0.0198",
    ),
    # the US profile costs 10 % more: 1000*3.3 + 1000*16.5
    (
        "bedrock/us.anthropic.claude-sonnet-4-6",
        Usage(input_tokens=1000, output_tokens=1000),
        "0.0198",
    ),
    # the EU one the same: 1000*4.4 + 200*22
    (
        "bedrock/eu.anthropic.claude-opus-5-5",
        Usage(input_tokens=1000, output_tokens=200),
        "0.0088",
    ),
    # GovCloud costs 20 % more: 1000*2.4 + 1000*12
    (
        "bedrock/us-gov.anthropic.claude-sonnet-5",
        Usage(input_tokens=1000, output_tokens=1000),
        "0.0144",
    ),
    # the Canadian profile, which LiteLLM prices at 0: 1000*3.3 + 100*16.5
    (
        "bedrock/ca.anthropic.claude-sonnet-4-5-20250929-v1:0",
        Usage(input_tokens=1000, output_tokens=100),
        "0.00495",
    ),
    # 5000*4 + 90000*0.20 + 5000*8 + 1000*20
    (
        "bedrock/global.anthropic.claude-opus-5-5",
        Usage(
            input_tokens=100_000,
            cache_read_input_tokens=90_000,
            cache_write_1h_input_tokens=5000,
            output_tokens=1000,
        ),
        "0.098",
    ),
    # 2000*10 + 8000*0.25 + 100*50
    (
        "bedrock/global.anthropic.claude-fable-5-1",
        Usage(input_tokens=10_000, cache_read_input_tokens=8000, output_tokens=100),
        "0.027",
    ),
    # exactly 100k is still the low band: 100000*0.10 + 1000*0.50
    (
        "bedrock/global.anthropic.claude-haiku-5-5",
        Usage(input_tokens=100_000, output_tokens=1000),
        "0.0105",
    ),
    # one token more and the whole request costs the high one: 100001*0.50 + 1000*2.50
    (
        "bedrock/global.anthropic.claude-haiku-5-5",
        Usage(input_tokens=100_001, output_tokens=1000),
        "0.0525005",
    ),
    # cache reads count towards the band: 40000*0.50 + 150000*0.05 + 10000*0.625 + 10*2.50
    (
        "bedrock/global.anthropic.claude-haiku-5-5",
        Usage(
            input_tokens=200_000,
            cache_read_input_tokens=150_000,
            cache_write_5m_input_tokens=10_000,
            output_tokens=10,
        ),
        "0.033775",
    ),
    # Amazon.
    # 2000*0.30 + 1000*0.075 read + 2000*0.30 written + 100*2.50
    (
        "bedrock/global.amazon.nova-2-lite-v1:0",
        Usage(
            input_tokens=5000,
            cache_read_input_tokens=1000,
            cache_write_5m_input_tokens=2000,
            output_tokens=100,
        ),
        "0.001525",
    ),
    # priority tier: 1000*1.40 + 1000*5.60
    (
        "bedrock/us.amazon.nova-pro-v1:0",
        Usage(input_tokens=1000, output_tokens=1000, service_tier="priority"),
        "0.007",
    ),
    # flex tier: 1000*0.40 + 1000*1.60
    (
        "bedrock/us.amazon.nova-pro-v1:0",
        Usage(input_tokens=1000, output_tokens=1000, service_tier="flex"),
        "0.002",
    ),
    # 1000000*0.035
    ("bedrock/us.amazon.nova-micro-v1:0", Usage(input_tokens=1_000_000), "0.035"),
    # 500000*0.02
    ("bedrock/amazon.titan-embed-text-v2:0", Usage(input_tokens=500_000), "0.01"),
    # 3 queries at 0.001
    ("bedrock/amazon.rerank-v1:0", Usage(queries=3), "0.003"),
    # 3 premium pictures of 1024 pixels at 0.06
    (
        "bedrock/amazon.nova-canvas-v1:0",
        Usage(images=3, image_size="1024x1024", image_quality="premium"),
        "0.18",
    ),
    # 1 standard picture of 1024 pixels
    (
        "bedrock/amazon.nova-canvas-v1:0",
        Usage(images=1, image_size="1024x1024", image_quality="standard"),
        "0.04",
    ),
    # 1 standard picture of 2048 pixels
    (
        "bedrock/amazon.nova-canvas-v1:0",
        Usage(images=1, image_size="2048x2048", image_quality="standard"),
        "0.06",
    ),
    # Cohere, DeepSeek, Meta, Mistral, OpenAI, Qwen, Stability AI on Bedrock.
    # 1000*0.12 text + 2000*0.47 image
    (
        "bedrock/global.cohere.embed-v4:0",
        Usage(input_tokens=3000, image_input_tokens=2000),
        "0.00106",
    ),
    # 2 queries at 0.002; the tokens are information
    ("bedrock/cohere.rerank-v3-5:0", Usage(queries=2, input_tokens=500), "0.004"),
    # dearer in Stockholm: 1000*0.74 + 1000*2.22
    (
        "bedrock/eu-north-1/deepseek.v3.2",
        Usage(input_tokens=1000, output_tokens=1000),
        "0.00296",
    ),
    # 1000*0.24 + 1000*0.97
    (
        "bedrock/us.meta.llama4-maverick-17b-instruct-v1:0",
        Usage(input_tokens=1000, output_tokens=1000),
        "0.00121",
    ),
    # priority tier: 1000*0.88 + 1000*2.63
    (
        "bedrock/mistral.mistral-large-3-675b-instruct",
        Usage(input_tokens=1000, output_tokens=1000, service_tier="priority"),
        "0.00351",
    ),
    # thoughts are output: 1000*0.15 + 500*0.60
    (
        "bedrock/openai.gpt-oss-120b-1:0",
        Usage(input_tokens=1000, output_tokens=500, reasoning_output_tokens=400),
        "0.00045",
    ),
    # above 272k: 150000*4 + 100000*0.40 read + 50000*5 written + 1000*15
    (
        "bedrock/global.openai.gpt-6-sol",
        Usage(
            input_tokens=300_000,
            cache_read_input_tokens=100_000,
            cache_write_5m_input_tokens=50_000,
            output_tokens=1000,
        ),
        "0.905",
    ),
    # 10000*0.45 + 1000*1.80
    (
        "bedrock/qwen.qwen3-coder-480b-a35b-v1:0",
        Usage(input_tokens=10_000, output_tokens=1000),
        "0.0063",
    ),
    # 2 pictures at 0.08
    ("bedrock/stability.sd3-5-large-v1:0", Usage(images=2), "0.16"),
    # 1 picture at 0.14
    (
        "bedrock/stability.stable-image-ultra-v1:1",
        Usage(images=1, image_size="1024x1024"),
        "0.14",
    ),
    # OpenAI on Azure.
    # 1200*5 + 800*0.50 read + 1000*30, thoughts included
    (
        "azure/gpt-5.5",
        Usage(
            input_tokens=2000,
            cache_read_input_tokens=800,
            output_tokens=1000,
            reasoning_output_tokens=600,
        ),
        "0.0364",
    ),
    # priority tier: 1000*12.50 + 100*75
    (
        "azure/gpt-5.5",
        Usage(input_tokens=1000, output_tokens=100, service_tier="priority"),
        "0.02",
    ),
    # flex tier: 1000*2.50 + 1000*15
    (
        "azure/gpt-5.5",
        Usage(input_tokens=1000, output_tokens=1000, service_tier="flex"),
        "0.0175",
    ),
    # above 272k: 272001*10 + 1000*45
    ("azure/gpt-5.5", Usage(input_tokens=272_001, output_tokens=1000), "2.76501"),
    # priority tier above 272k: 300000*20 + 1000*90
    (
        "azure/gpt-5.5",
        Usage(input_tokens=300_000, output_tokens=1000, service_tier="priority"),
        "6.09",
    ),
    # the US data zone costs 10 % more: 1000*5.50 + 1000*33
    ("azure/us/gpt-5.5", Usage(input_tokens=1000, output_tokens=1000), "0.0385"),
    # 1000*1.75 + 9000*0.175 read + 500*14
    (
        "azure/gpt-5.3-codex",
        Usage(input_tokens=10_000, cache_read_input_tokens=9000, output_tokens=500),
        "0.010325",
    ),
    # 1000*0.40 + 1000*1.60, in the tier that providers call default
    (
        "azure/gpt-4.1-mini",
        Usage(input_tokens=1000, output_tokens=1000, service_tier="default"),
        "0.002",
    ),
    # 1000*0.143
    ("azure/text-embedding-3-large", Usage(input_tokens=1000), "0.000143"),
    # 50*5 text + 1000*8 picture in + 4000*30 picture out; the number of pictures is information
    (
        "azure/gpt-image-2",
        Usage(
            input_tokens=1050,
            image_input_tokens=1000,
            output_tokens=4000,
            image_output_tokens=4000,
            images=1,
        ),
        "0.12825",
    ),
    # the same when output tokens are not told apart: 50*5 + 4000*30
    ("azure/gpt-image-2", Usage(input_tokens=50, output_tokens=4000, images=1), "0.12025"),
    # 100*1.25 text + 900*3 sound + 200*5; the seconds are information
    (
        "azure/gpt-4o-mini-transcribe",
        Usage(
            input_tokens=1000,
            audio_input_tokens=900,
            output_tokens=200,
            seconds=Decimal(90),
        ),
        "0.003825",
    ),
    # 60.5 seconds at 0.000075; the tokens are information
    (
        "azure/gpt-transcribe",
        Usage(seconds=Decimal("60.5"), input_tokens=700, output_tokens=90),
        "0.0045375",
    ),
    # 1000 characters at 15 per million
    ("azure/tts-1", Usage(characters=1000), "0.015"),
    # 100*0.60 + 1000*12 sound
    (
        "azure/gpt-4o-mini-tts",
        Usage(input_tokens=100, output_tokens=1000, audio_output_tokens=1000),
        "0.01206",
    ),
    # without token counts: 12 seconds at 0.00025
    ("azure/gpt-4o-mini-tts", Usage(seconds=Decimal(12), characters=200), "0.003"),
    # Others on Azure.
    # all of it read from cache, at the price since 2026-10-07: 10000*0.10 + 100*10
    (
        "azure_ai/claude-sonnet-5-5",
        Usage(input_tokens=10_000, cache_read_input_tokens=10_000, output_tokens=100),
        "0.002",
    ),
    # 1000*2.50 + 1000*10
    ("azure_ai/cohere-command-a", Usage(input_tokens=1000, output_tokens=1000), "0.0125"),
    # 4 queries at 0.0025
    ("azure_ai/cohere-rerank-v4.0-pro", Usage(queries=4), "0.01"),
    # 500*1.74 + 500*0.145 read + 100*3.48
    (
        "azure_ai/deepseek-v4-pro",
        Usage(input_tokens=1000, cache_read_input_tokens=500, output_tokens=100),
        "0.0012905",
    ),
    # Google on Vertex AI.
    # exactly 200k is still the low band: 200000*2 + 1000*12
    (
        "vertex_ai/gemini-3.1-pro-preview",
        Usage(input_tokens=200_000, output_tokens=1000),
        "0.412",
    ),
    # above 200k: 200001*4 + 1000*18
    (
        "vertex_ai/gemini-3.1-pro-preview",
        Usage(input_tokens=200_001, output_tokens=1000),
        "0.818004",
    ),
    # priority tier above 200k: 200000*7.20 + 50000*0.72 read + 100*32.40
    (
        "vertex_ai/gemini-3.1-pro-preview",
        Usage(
            input_tokens=250_000,
            cache_read_input_tokens=50_000,
            output_tokens=100,
            service_tier="priority",
        ),
        "1.47924",
    ),
    # flex tier: 1000*1 + 1000*6
    (
        "vertex_ai/gemini-3.1-pro-preview",
        Usage(input_tokens=1000, output_tokens=1000, service_tier="flex"),
        "0.007",
    ),
    # 500*0.25 text + 1500*0.50 sound + 100*1.50
    (
        "vertex_ai/gemini-3.1-flash-lite",
        Usage(input_tokens=2000, audio_input_tokens=1500, output_tokens=100),
        "0.001025",
    ),
    # pictures in a prompt cost what text costs: 1000*0.75 + 100*3.75
    (
        "vertex_ai/gemini-3.8-flash",
        Usage(input_tokens=1000, image_input_tokens=258, output_tokens=100),
        "0.001125",
    ),
    # a regional endpoint costs 10 % more: 1000*0.825 + 1000*4.125
    (
        "vertex_ai/gemini-3.8-flash#regional",
        Usage(input_tokens=1000, output_tokens=1000),
        "0.00495",
    ),
    # 20*2 + 180*12 text + 1120*120 picture
    (
        "vertex_ai/gemini-3-pro-image",
        Usage(input_tokens=20, output_tokens=1300, image_output_tokens=1120, images=1),
        "0.1366",
    ),
    # without token counts: 1 picture at 0.134
    ("vertex_ai/gemini-3-pro-image", Usage(images=1), "0.134"),
    # 750*2 sound + 100*12
    (
        "vertex_ai/gemini-3.5-transcribe",
        Usage(input_tokens=750, audio_input_tokens=750, output_tokens=100),
        "0.0027",
    ),
    # 20*0.50 + 500*9 sound
    (
        "vertex_ai/gemini-3.8-flash-tts",
        Usage(input_tokens=20, output_tokens=500, audio_output_tokens=500),
        "0.00451",
    ),
    # 10000*0.15
    ("vertex_ai/gemini-embedding-001", Usage(input_tokens=10_000), "0.0015"),
    # 600*0.20 text + 400*0.45 picture
    (
        "vertex_ai/gemini-embedding-2",
        Usage(input_tokens=1000, image_input_tokens=400),
        "0.0003",
    ),
    # Others on Vertex AI.
    # regional: 1000*0.33 read + 1000*6.60 written 1 h + 100*16.50
    (
        "vertex_ai/claude-sonnet-4-6#regional",
        Usage(
            input_tokens=2000,
            cache_read_input_tokens=1000,
            cache_write_1h_input_tokens=1000,
            output_tokens=100,
        ),
        "0.00858",
    ),
    # 1000*4 + 100*20, and 2 web searches at 0.01 USD
    (
        "vertex_ai/claude-opus-5-5",
        Usage(input_tokens=1000, output_tokens=100, queries=2),
        "0.026",
    ),
    # 1000*0.25 + 1000*0.70
    (
        "vertex_ai/meta/llama-4-scout-17b-16e-instruct-maas",
        Usage(input_tokens=1000, output_tokens=1000),
        "0.00095",
    ),
    # 1000*0.30 + 1000*0.90
    ("vertex_ai/codestral-2", Usage(input_tokens=1000, output_tokens=1000), "0.0012"),
]


@pytest.mark.parametrize(("price_id", "usage", "expected"), ROWS)
def test_cost_by_hand(price_id: str, usage: Usage, expected: str) -> None:
    """A request costs exactly what the vendor's price list says."""
    price = catalog.load().prices[price_id]
    assert cost(price, usage).total == Decimal(expected)


def test_breakdown_names_each_part() -> None:
    """The breakdown says what the total is made of, part by part, without zero parts."""
    price = catalog.load().prices["bedrock/global.anthropic.claude-sonnet-4-6"]
    usage = Usage(
        input_tokens=3000,
        cache_read_input_tokens=1000,
        cache_write_5m_input_tokens=1000,
        output_tokens=10,
    )
    assert cost(price, usage).breakdown == {
        "input": Decimal("0.003"),
        "cache_read": Decimal("0.0003"),
        "cache_write_5m": Decimal("0.00375"),
        "output": Decimal("0.00015"),
    }


def test_nothing_used_costs_nothing() -> None:
    """A request that used nothing costs 0, with an empty breakdown."""
    result = cost(catalog.load().prices["azure/gpt-5.5"], Usage())
    assert (result.total, result.breakdown) == (Decimal(0), {})


UNPRICED = [
    ("azure/gpt-5.5", Usage(input_tokens=9, cache_write_5m_input_tokens=9), "cache_write_5m"),
    ("azure/gpt-5.5", Usage(input_tokens=9, audio_input_tokens=9), "audio_input"),
    ("azure/gpt-5.5", Usage(output_tokens=9, audio_output_tokens=9), "audio_output"),
    ("azure/gpt-5.5", Usage(images=1), "image"),
    ("azure/gpt-5.5", Usage(input_tokens=9, service_tier="scale"), "service tier scale"),
    ("azure/gpt-5.4", Usage(input_tokens=9, queries=1), "query"),
    ("azure/gpt-image-2", Usage(input_tokens=9, images=1), "image"),
    ("azure/tts-1", Usage(input_tokens=9), "input"),
    ("azure/gpt-transcribe", Usage(characters=9), "character"),
    ("bedrock/amazon.rerank-v1:0", Usage(input_tokens=9), "input"),
    ("bedrock/stability.sd3-5-large-v1:0", Usage(pages=1), "page"),
]


@pytest.mark.parametrize(("price_id", "usage", "unit"), UNPRICED)
def test_unpriced_unit_raises(price_id: str, usage: Usage, unit: str) -> None:
    """A unit without a figure is an error that names it, never 0 USD."""
    with pytest.raises(Unpriced) as caught:
        cost(catalog.load().prices[price_id], usage)
    assert caught.value.unit == unit
    assert str(caught.value) == f"no price for {unit} in {price_id}"


def test_picture_of_unknown_size_raises() -> None:
    """A price by size without a default does not guess for another size."""
    price = catalog.price_from(
        "x",
        "x",
        {"image": {"1024x1024": "0.04"}, "source": "s", "date": DAY},
        Decimal(1),
    )
    with pytest.raises(Unpriced, match="no price for image 512x512/None in x"):
        cost(price, Usage(images=1, image_size="512x512"))


def test_parts_beyond_the_whole_never_make_it_cheaper() -> None:
    """When a provider reports more cached tokens than tokens, the cached ones are still billed."""
    price = catalog.load().prices["bedrock/global.anthropic.claude-sonnet-4-6"]
    usage = Usage(input_tokens=0, cache_read_input_tokens=1000)
    assert cost(price, usage).total == Decimal("0.0003")


def test_reasoning_with_its_own_figure() -> None:
    """Reasoning tokens leave the output when the price has a figure of their own."""
    entry = {
        "input": "1",
        "output": "2",
        "reasoning": "10",
        "source": "s",
        "date": DAY,
    }
    price = catalog.price_from("x", "x", entry, Decimal(1))
    usage = Usage(output_tokens=1000, reasoning_output_tokens=400)
    assert cost(price, usage).total == Decimal("0.0052")


def test_pages_are_billed_each() -> None:
    """A price by page is for one page."""
    entry = {"page": "0.003", "source": "s", "date": DAY}
    assert cost(catalog.price_from("x", "x", entry, Decimal(1)), Usage(pages=7)).total == Decimal(
        "0.021"
    )


def test_usages_add_up() -> None:
    """Adding the usages of two events of one answer adds every quantity and keeps the tier."""
    first = Usage(input_tokens=10, seconds=Decimal("1.5"), service_tier="flex")
    second = Usage(output_tokens=5, seconds=Decimal("0.5"), image_size="1024x1024")
    assert first + second == Usage(
        input_tokens=10,
        output_tokens=5,
        seconds=Decimal("2.0"),
        service_tier="flex",
        image_size="1024x1024",
    )


def test_negative_usage_is_refused() -> None:
    """A negative count is an error that names it."""
    with pytest.raises(ValueError, match=r"^usage: output_tokens is negative: -1$"):
        Usage(output_tokens=-1)
