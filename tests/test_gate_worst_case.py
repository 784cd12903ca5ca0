"""What a request can cost at most: never less than what it did cost, and not absurdly more."""

import csv
import io
import time
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sekisho import config
from sekisho.gate.worst_case.cost import most, prompt_tokens
from sekisho.pricing import catalog
from sekisho.pricing.overrides import price_of
from sekisho.pricing.price import Price
from sekisho.providers.deployment import Deployment

from .simulators.media import wav

Json = dict[str, Any]
Choices = Sequence[tuple[Deployment, Price | None]]

_OPERATIONS = {
    "embeddings": "embeddings",
    "images": "image_generation",
    "edits": "image_edit",
    "transcriptions": "transcription",
}
_TEXT = {"role": "user", "content": "Hello, how are you?"}


@pytest.fixture(scope="session")
def fleet() -> dict[str, Choices]:
    """All deployments and their prices, by alias."""
    keys = "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AZURE_API_KEY AZURE_AI_API_KEY VERTEXAI_PROJECT"
    environ = dict.fromkeys(keys.split(), "simulated") | {
        "AWS_REGION": "us-east-1",
        "AZURE_API_BASE": "http://localhost",
        "AZURE_AI_API_BASE": "http://localhost",
        "AZURE_API_VERSION": "2025-03-01-preview",
        "VERTEXAI_LOCATION": "global",
        "GOOGLE_APPLICATION_CREDENTIALS": __file__,
    }
    loaded = config.load(environ=environ)
    assert not loaded.skipped
    prices = catalog.load()
    found: dict[str, list[tuple[Deployment, Price | None]]] = defaultdict(list)
    for one in loaded.deployments:
        found[one.alias].append((one, price_of(one, prices)))
    return dict(found)


def asked_for(api: str, counts: dict[str, str], alias: str) -> tuple[Json, bytes]:
    """A request that causes these counts, with a text of 3 bytes a token and no room elsewhere."""
    tokens = int(counts.get("input", 1))
    written = "an " * tokens
    control = {"type": "ephemeral", "ttl": "1h" if "cache_write_1h" in counts else "5m"}
    content: Any = [{"type": "text", "text": written}]
    if "cache_write_5m" in counts and alias.startswith("claude"):
        content[0]["cache_control"] = control
    body: Json = {"model": alias, "messages": [{"role": "user", "content": content}]}
    longest = "max_output_tokens" if api == "responses" else "max_tokens"
    body |= {longest: int(counts.get("output", 1)), "service_tier": counts.get("tier")}
    match api:
        case "responses":
            body["input"] = body.pop("messages")
        case "embeddings":
            texts = int(counts.get("texts", 1))
            body = {"model": alias, "input": ["an " * (tokens // texts)] * texts}
        case "rerank":
            documents = [f"document {n}" for n in range(int(counts["documents"]))]
            body = {"model": alias, "query": "a document", "documents": documents}
        case "images" | "edits":
            body = {"model": alias, "prompt": "a gate", "n": int(counts["n"])}
            body |= {name: counts[name] for name in ("size", "quality") if name in counts}
        case "transcriptions":
            return {"model": alias}, wav(int(counts["seconds"]))
        case "speech":
            body = {"model": alias, "input": "x" * 27, "voice": "alloy"}
        case _:
            pass
    return body, b""


def test_no_request_of_the_table_costs_more_than_its_bound(fleet: dict[str, Choices]) -> None:
    """Every request whose cost was worked out by hand costs at most what was foreseen for it."""
    passed: list[str] = []
    seen = 0
    with Path(__file__).with_name("costs_by_hand.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            counts = dict(pair.split("=") for pair in line["units"].split())
            body, upload = asked_for(line["api"], counts, line["alias"])
            choices = [c for c in fleet[line["alias"]] if c[0].cloud == line["cloud"]]
            operation = _OPERATIONS.get(line["api"], line["api"])
            bound = most(operation, body, upload, choices, pictures=1)
            seen += 1
            if bound is None or bound < Decimal(line["usd"]):
                passed.append(f"{line['alias']} {line['api']} {line['units']}: {bound}")
    assert seen > 800
    assert not passed, "\n".join(passed)


def claude_code() -> Json:
    """A turn of Claude Code late in a session: 600 KB of code, 40 tools, a cache, max 32000."""
    source = "".join(
        path.read_text() for path in sorted((Path(__file__).parent.parent / "gate").glob("*.py"))
    )
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    tools = [
        {"name": f"Tool{n}", "description": source[n * 99 :][:900], "input_schema": schema}
        for n in range(40)
    ]
    messages: list[Json] = []
    for number in range(250):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "Read", "input": {"path": "a"}}
        answer = source[number * 400 % 60_000 :][:2000]
        result: Json = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": answer}
        messages += [
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]
    messages[-1]["content"][0]["cache_control"] = {"type": "ephemeral"}
    return {
        "model": "claude-sonnet-4-6",
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": source[:15_000]}],
        "tools": tools,
        "messages": messages,
    }


def test_claude_code_is_not_refused_for_an_absurd_figure(fleet: dict[str, Choices]) -> None:
    """A turn of 600 KB with a cache write and 32,000 tokens of answer is foreseen as 2 USD."""
    bound = most("messages", claude_code(), b"", fleet["claude-sonnet-4-6"])
    assert bound is not None
    assert Decimal("1.80") < bound < Decimal("2.10")


@pytest.mark.parametrize(
    ("alias", "operation", "body", "low", "high"),
    [
        ("claude-sonnet-4-6", "messages", {"max_tokens": 1000}, "0.015", "0.016"),
        ("gpt-5.4-mini", "chat", {"max_completion_tokens": 500}, "0.002", "0.003"),
        ("gpt-5.4-mini", "chat", {}, "0.576", "0.577"),
        ("gemini-3.8-flash", "chat", {"max_tokens": 1000, "n": 2}, "0.007", "0.008"),
    ],
)
def test_short_questions(
    fleet: dict[str, Choices], alias: str, operation: str, body: Json, low: str, high: str
) -> None:
    """A short question costs about what its longest answer does."""
    bound = most(operation, {"messages": [_TEXT], **body}, b"", fleet[alias])
    assert bound is not None
    assert Decimal(low) < bound < Decimal(high)


def cost_of(fleet: dict[str, Choices], alias: str, content: Any, **fields: Any) -> Decimal:
    """The bound of a chat with this content and at most 16 tokens of answer."""
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 16, **fields}
    bound = most("chat", body, b"", fleet[alias])
    assert bound is not None
    return bound


def test_a_picture_costs_its_tokens_not_its_bytes(fleet: dict[str, Choices]) -> None:
    """A megabyte of picture is 4,784 tokens for Claude, by address or not: 0.014 USD at 3 USD/M."""
    data = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    address = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    for part in (data, address):
        bound = cost_of(fleet, "claude-sonnet-4-6", [part])
        assert Decimal("0.0143") < bound < Decimal("0.0160")


def test_a_document_by_address_may_fill_the_window(fleet: dict[str, Choices]) -> None:
    """What the provider fetches by itself is as large as the model can take: 1M tokens."""
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.pdf"}}
    assert cost_of(fleet, "claude-sonnet-4-6", [part]) == Decimal("3.00024")
    bound = cost_of(fleet, "claude-sonnet-4-6", "Go on", previous_response_id="resp_1")
    assert bound == Decimal("3.00024")


def test_a_document_costs_by_its_size(fleet: dict[str, Choices]) -> None:
    """A PDF of 30 KB is at most 60,000 tokens, however it is called: 0.18 USD at 3 USD/M."""
    data = "A" * 40_000
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64," + data}}
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    for part in (file, {"type": "document", "source": source}, {"type": "image", "source": source}):
        bound = cost_of(fleet, "claude-sonnet-4-6", [part])
        assert Decimal("0.180") < bound < Decimal("0.182")


def test_text_in_a_document_counts_as_text(fleet: dict[str, Choices]) -> None:
    """A plain-text document of 10,000 digits is 10,000 tokens: 0.03 USD at 3 USD/M."""
    part = {"type": "document", "source": {"type": "text", "data": "7" * 10_000}}
    assert Decimal("0.030") < cost_of(fleet, "claude-sonnet-4-6", [part]) < Decimal("0.032")


def test_prompt_caches(fleet: dict[str, Choices]) -> None:
    """Claude bills 3, 3.75 or 6 USD/M for a prompt, as the cache is asked for; 1M tokens here."""
    usd: list[Decimal] = []
    for control in (None, {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}):
        part = {"type": "text", "text": "7" * 1_100_000}
        usd.append(cost_of(fleet, "claude-sonnet-4-6", [{**part, "cache_control": control}]))
        if control is None:
            usd[-1] = cost_of(fleet, "claude-sonnet-4-6", [part])
    assert usd == [Decimal("3.00024"), Decimal("3.75024"), Decimal("6.00024")]


def test_models_that_cache_on_their_own(fleet: dict[str, Choices]) -> None:
    """GPT-5.6 writes its cache unasked: 200,000 tokens at 2.5, not 2, USD/M."""
    bound = cost_of(fleet, "gpt-5.6-terra", "7" * 200_000)
    assert Decimal("0.500") < bound < Decimal("0.502")


def test_long_contexts_cost_more(fleet: dict[str, Choices]) -> None:
    """More than 272,000 tokens cost GPT-6.1 Sol twice as much: 5 instead of 2.5 USD/M."""
    assert Decimal("1.50") < cost_of(fleet, "gpt-6.1-sol-azure", "7" * 300_000) < Decimal("1.51")


def test_service_tiers(fleet: dict[str, Choices]) -> None:
    """Priority costs more, flex is held as the standard that may be served, auto as the dearest."""
    standard, priority, flex, auto = (
        round(cost_of(fleet, "gpt-5.6-terra", "7" * 10_000, service_tier=tier), 3)
        for tier in (None, "priority", "flex", "auto")
    )
    assert flex == standard < priority == auto


def test_searches(fleet: dict[str, Choices]) -> None:
    """One search is 0.01 USD, 10,000 tokens found, and a second turn over all of it."""
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}
    one = cost_of(fleet, "claude-sonnet-4-6-azure", "Hello", tools=[tool])
    assert Decimal("0.04") < one < Decimal("0.06")
    without = cost_of(fleet, "claude-sonnet-4-6-azure", "Hello", tools=[{"name": "web_search"}])
    assert without < Decimal("0.005")


def test_media_routes(fleet: dict[str, Choices]) -> None:
    """Pictures by size and quality, rankings by 100 documents, sound by its length."""
    medium = {"prompt": "a gate", "n": 2, "size": "1024x1024", "quality": "medium"}
    drawn = most("image_generation", medium, b"", fleet["gpt-image-2"])
    documents = {"query": "a", "documents": ["b"] * 101}
    ranked = most("rerank", documents, b"", fleet["cohere-rerank-3.5"])
    heard = most("transcription", {}, wav(60), fleet["gpt-transcribe"])
    assert drawn is not None
    assert Decimal("0.105") < drawn < Decimal("0.110")
    assert ranked == Decimal("0.004")
    assert heard == Decimal("0.004575")


def test_sound_that_cannot_be_read_is_as_long_as_it_may_be(fleet: dict[str, Choices]) -> None:
    """75,000 bytes of an unknown format are at most 100 seconds, at 6 kbit/s."""
    bound = most("transcription", {}, b"x" * 75_000, fleet["gpt-transcribe"])
    assert bound == Decimal("0.007575")


def test_nothing_is_foreseen_without_a_price(fleet: dict[str, Choices]) -> None:
    """One deployment without a price is enough; counting tokens is free even so."""
    deployment, price = fleet["gpt-4o"][0]
    assert most("chat", {}, b"", [(deployment, price), (deployment, None)]) is None
    assert most("count_tokens", {}, b"", [(deployment, None)]) == 0


def test_the_dearest_deployment_counts(fleet: dict[str, Choices]) -> None:
    """An alias on several clouds costs what its dearest one does, in any order."""
    body = {"messages": [_TEXT], "max_tokens": 100}
    choices = fleet["claude-sonnet-4-6"]
    alone = [most("messages", body, b"", [choice]) for choice in choices]
    assert most("messages", body, b"", choices) == max(usd for usd in alone if usd is not None)
    assert most("messages", body, b"", choices[::-1]) == most("messages", body, b"", choices)


def test_prompt_tokens() -> None:
    """Four characters of ASCII a token, one of Japanese, numbers as they are, sound by its size."""
    assert prompt_tokens({"messages": [{"role": "user", "content": "x" * 400}]}, b"") == 100
    assert prompt_tokens({"input": "日本語"}, b"") == 3
    assert prompt_tokens({"input": [[1, 2, 3], [4]]}, b"") == 4
    assert prompt_tokens({}, b"x" * 5_000) == 10


def test_it_is_cheap(fleet: dict[str, Choices]) -> None:
    """A small body takes less than 0.06 ms and one of 600 KB less than 3 ms of CPU, times ten for
    machines that are busy or slow."""
    small: Json = {"messages": [_TEXT], "max_tokens": 100}
    for body, limit in ((small, 0.0006), (claude_code(), 0.03)):
        spent: list[float] = []
        for _ in range(10):
            start = time.process_time()
            most("messages", body, b"", fleet["claude-sonnet-4-6"])
            spent.append(time.process_time() - start)
        assert min(spent) < limit


def test_a_truncated_sound_file_is_no_error(fleet: dict[str, Choices]) -> None:
    """Half a header is a format that can't be read."""
    upload = io.BytesIO(wav(1)).read(20)
    assert most("transcription", {}, upload, fleet["gpt-transcribe"]) is not None
