"""What a request to Google's API costs: the provider's own count, also behind a translation."""

from decimal import Decimal

import httpx
import orjson
import pytest
from sekisho.lake.bodies import body as bodies
from sekisho.lake.spool import segments

from .gateway import Gateway, until
from .simulators import Simulator

# Model, what the provider counts, input with what was read from and written to a cache, output,
# and the cost in USD, worked out by hand from the price lists.
COSTS = [
    # 550 x 1.5/M + 400 x 0.15/M + 50 x 1.5/M (audio) + 70 x 9/M
    (
        "gemini-3.5-flash",
        "input=1000 output=70 cache_read=400 audio_input=50 reasoning=30",
        (1000, 400, 0, 70, 30),
        "0.00159",
    ),
    # 300 x 3/M + 400 x 0.3/M + 200 x 3.75/M + 100 x 6/M + 70 x 15/M
    (
        "claude-sonnet-4-6-bedrock",
        "input=1000 output=70 cache_read=400 cache_write_5m=200 cache_write_1h=100",
        (1000, 400, 300, 70, 0),
        "0.00342",
    ),
    (
        "claude-sonnet-4-6-vertex",
        "input=1000 output=70 cache_read=400 cache_write_5m=200 cache_write_1h=100",
        (1000, 400, 300, 70, 0),
        "0.00342",
    ),
    # 400 x 0.06/M + 400 x 0.015/M + 200 x 0.06/M + 70 x 0.24/M
    (
        "nova-lite",
        "input=1000 output=70 cache_read=400 cache_write_5m=200",
        (1000, 400, 200, 70, 0),
        "0.0000588",
    ),
    # 600 x 2/M + 400 x 0.5/M + 70 x 8/M
    ("gpt-4.1", "input=1000 output=70 cache_read=400", (1000, 400, 0, 70, 0), "0.00196"),
    # 600 x 5/M + 400 x 0.5/M + 70 x 30/M
    (
        "gpt-5.5",
        "input=1000 output=70 cache_read=400 reasoning=30",
        (1000, 400, 0, 70, 30),
        "0.0053",
    ),
]
VERBS = ("generateContent", "streamGenerateContent")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("model", "units", "tokens", "usd"), COSTS, ids=[c[0] for c in COSTS])
def test_costs(
    gateway: Gateway,
    client: httpx.Client,
    clouds: Simulator,
    verb: str,
    model: str,
    units: str,
    tokens: tuple[int, ...],
    usd: str,
) -> None:
    """One call is made, and its row has what the provider counted, and costs that."""
    clouds.clear()
    content = {"role": "user", "parts": [{"text": f"[[sim:usage {units}]]"}]}
    answer = client.post(f"/v1beta/models/{model}:{verb}", json={"contents": [content]})
    assert answer.status_code == 200, answer.text
    assert len([e for e in clouds.journal() if e["path"] != "/token"]) == 1
    row = gateway.row(answer)
    assert tokens == (
        row.gen_ai_usage_input_tokens,
        row.gen_ai_usage_cache_read_input_tokens,
        row.gen_ai_usage_cache_creation_input_tokens,
        row.gen_ai_usage_output_tokens,
        row.gen_ai_usage_reasoning_output_tokens,
    )
    assert row.billed_cost == Decimal(usd)
    assert "sekisho" not in answer.text
    assert (row.status, row.usage_is_estimated) == ("success", False)


@pytest.mark.parametrize("verb", VERBS)
def test_the_usage_that_the_client_reads(client: httpx.Client, verb: str) -> None:
    """Behind a translation a client sees cache and thoughts as Google counts them."""
    text = "[[sim:usage input=1000 output=70 cache_read=400 reasoning=30]]"
    answer = client.post(
        f"/v1beta/models/gpt-5.5:{verb}", json={"contents": [{"parts": [{"text": text}]}]}
    )
    last = answer.text.strip().split("\n")[-1].removeprefix("data: ")
    assert orjson.loads(last)["usageMetadata"] == {
        "promptTokenCount": 1000,
        "candidatesTokenCount": 40,
        "totalTokenCount": 1070,
        "cachedContentTokenCount": 400,
        "thoughtsTokenCount": 30,
    }


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("model", ["gemini-3.5-flash", "nova-lite"])
def test_nothing_else_leaves(
    client: httpx.Client, clouds: Simulator, verb: str, model: str
) -> None:
    """An answer has these headers, and tells nothing of LiteLLM or of what is behind it."""
    path = f"/v1beta/models/{model}:{verb}"
    answer = client.post(path, json={"contents": [{"parts": [{"text": "hi"}]}]})
    assert set(answer.headers) - {"cache-control", "content-length", "transfer-encoding"} == {
        "content-type",
        "date",
        "x-request-id",
        "x-sekisho-request-id",
    }
    for secret in ("litellm", "@vertex", "@bedrock", "sekisho", "simulated-project", "us.amazon"):
        assert secret not in answer.text, answer.text


def test_the_tier_that_was_served(gateway: Gateway, client: httpx.Client) -> None:
    """Gemini says which tier it has served, and that one is paid: 50 x 0.75/M + 2 x 4.5/M."""
    text = "[[sim:usage input=50 output=2]] [[sim:tier flex]]"
    path = "/v1beta/models/gemini-3.5-flash:generateContent"
    row = gateway.row(client.post(path, json={"contents": [{"parts": [{"text": text}]}]}))
    assert (row.service_tier, row.billed_cost) == ("flex", Decimal("0.0000465"))


@pytest.mark.parametrize("model", ["gemini-3.5-flash", "claude-sonnet-4-6-bedrock"])
@pytest.mark.parametrize("verb", VERBS)
def test_what_the_log_has_of_it(
    gateway: Gateway, client: httpx.Client, model: str, verb: str
) -> None:
    """Prompt and answer are messages in OpenTelemetry's schema; nothing else is said in them."""
    asked = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "[[sim:text Good day]]"}]}],
        "generationConfig": {"maxOutputTokens": 50},
    }
    answer = client.post(f"/v1beta/models/{model}:{verb}", json=asked)
    wanted = answer.headers["x-sekisho-request-id"].encode()

    def lines() -> list[bytes]:
        found = segments.find(gateway.home / "spool" / "bodies")
        every = [line for segment in found for line in segment.path.read_bytes().split(b"\n")]
        return [line for line in every if wanted in line]

    row = bodies.row(until("the body", lines)[0], "hash", ())
    assert orjson.loads(row.gen_ai_input_messages or "") == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "[[sim:text Good day]]"}]},
    ]
    told = orjson.loads(row.gen_ai_output_messages or "")
    assert [(m["role"], m["finish_reason"]) for m in told] == [("assistant", "STOP")]
    assert "".join(part["content"] for part in told[0]["parts"]).strip() == "Good day"
    parameters = orjson.loads(row.request_parameters or "")
    assert parameters.pop("stream", True) is True
    assert parameters == {"model": model, "generationConfig": {"maxOutputTokens": 50}}
