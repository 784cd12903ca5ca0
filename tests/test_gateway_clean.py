"""What a client can't say: parameters that would steer LiteLLM, and who its end user is."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sekisho.gate import clean

from .gateway import Gateway
from .installed import parameters
from .simulators import Simulator
from .simulators.media import wav

Json = dict[str, Any]

# Beside LiteLLM's own list and ours: what the design names, and what was found to get through.
NAMED = {
    "api_key",
    "api_base",
    "base_url",
    "no-log",
    "mock_response",
    "mock_delay",
    "extra_headers",
    "extra_body",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "user_config",
    "litellm_metadata",
    "tags",
    "guardrails",
    "headers",
    "custom_llm_provider",
    "model_id",
    "aws_region_name",
    "aws_bedrock_runtime_endpoint",
    "aws_session_tags",
    "vertex_project",
    "vertex_location",
    "vertex_count_tokens_location",
    "azure_ad_token",
    "azure_endpoint",
}
METADATA = {
    "user_api_key_alias": "poison-alias",
    "user_api_key_user_id": "poison-user",
    "user_api_key_end_user_id": "poison-end-user",
    "tags": ["poison-tag"],
    "guardrails": ["poison-guardrail"],
    "spend_logs_metadata": {"a": "poison-spend"},
    "trace_id": "poison-trace",
}
# Some of them with values that LiteLLM would act on.
LIVE: Json = {
    "api_key": "sk-poison",
    "api_base": "http://127.0.0.1:9/poison",
    "base_url": "http://127.0.0.1:9/poison",
    "api_version": "poison",
    "no-log": True,
    "mock_response": "poison",
    "mock_tool_calls": [{"id": "poison"}],
    "mock_timeout": True,
    "mock_delay": 60,
    "extra_headers": {"x-poison": "1"},
    "headers": {"x-poison": "1"},
    "extra_body": {"poison": True},
    "extra_query": {"poison": "1"},
    "fallbacks": ["poison"],
    "context_window_fallbacks": [{"gpt-4.1": ["poison"]}],
    "num_retries": 5,
    "timeout": 0.001,
    "stream_timeout": 0.001,
    "request_timeout": 0.001,
    "custom_llm_provider": "poison",
    "model_id": "poison",
    "model_list": [{"model_name": "poison", "litellm_params": {"model": "openai/poison"}}],
    "user_config": {"model_list": [{"model_name": "poison"}]},
    "litellm_metadata": {"tags": ["poison"]},
    "input_cost_per_token": 0,
    "output_cost_per_token": 0,
    "tags": ["poison"],
    "guardrails": ["poison"],
    "caching": True,
    "cache": {"no-store": True, "namespace": "poison"},
    "drop_params": False,
    "allowed_openai_params": ["poison"],
    "specific_deployment": True,
    "aws_region_name": "poison",
    "aws_access_key_id": "poison",
    "aws_secret_access_key": "poison",
    "aws_bedrock_runtime_endpoint": "http://127.0.0.1:9/poison",
    "vertex_project": "poison",
    "vertex_location": "poison",
    "vertex_credentials": '{"poison": 1}',
    "azure_ad_token": "poison",
    "rpm": 0,
    "max_parallel_requests": 0,
    "use_litellm_proxy": True,
    "use_chat_completions_api": True,
    "prompt_id": "poison",
}


def every_name() -> Json:
    """A body with every steering parameter, each with a value that can be found again."""
    names = sorted({*parameters(), *clean.Cleaner(()).denied, *NAMED} - {"metadata"})
    assert len(names) > 400
    return {name: f"poison-{number}" for number, name in enumerate(names)}


def poisons(kind: str) -> Json:
    """All steering parameters, or those with live values."""
    return every_name() if kind == "every name" else LIVE


def asked(clouds: Simulator) -> list[Json]:
    """What reached a cloud, without the logins."""
    return [entry for entry in clouds.journal() if entry["path"] != "/token"]


def said(answer: httpx.Response) -> str:
    """The text of an answer of chat, messages or responses."""
    whole = answer.json()
    if "choices" in whole:
        return str(whole["choices"][0]["message"]["content"])
    if "output" in whole:
        return str(whole["output"][-1]["content"][0]["text"])
    return str(whole["content"][0]["text"])


TEXT = "[[sim:text Good day]] [[sim:usage input=100 output=10]]"
TURN = [{"role": "user", "content": TEXT}]
CASES: dict[str, tuple[str, str, Json, str | None]] = {
    "chat on Azure": ("/v1/chat/completions", "gpt-4.1", {"messages": TURN}, "0.00028"),
    "chat on Bedrock": ("/v1/chat/completions", "nova-lite", {"messages": TURN}, "0.0000084"),
    "chat on Vertex AI": ("/v1/chat/completions", "gemini-3.5-flash", {"messages": TURN}, None),
    "Claude by chat": (
        "/v1/chat/completions",
        "claude-sonnet-4-6-bedrock",
        {"messages": TURN},
        "0.00045",
    ),
    "messages on Bedrock": (
        "/v1/messages",
        "claude-sonnet-4-6-bedrock",
        {"messages": TURN, "max_tokens": 50},
        "0.00045",
    ),
    "messages on Vertex AI": (
        "/v1/messages",
        "claude-sonnet-4-6-vertex",
        {"messages": TURN, "max_tokens": 50},
        "0.00045",
    ),
    "messages on Azure": (
        "/v1/messages",
        "gpt-4.1",
        {"messages": TURN, "max_tokens": 50},
        "0.00028",
    ),
    "responses on Azure": ("/v1/responses", "gpt-4.1", {"input": TEXT}, "0.00028"),
    "responses on Bedrock": (
        "/v1/responses",
        "claude-sonnet-4-6-bedrock",
        {"input": TEXT},
        "0.00045",
    ),
}


@pytest.mark.parametrize("poison", ["every name", "live values"])
@pytest.mark.parametrize("case", CASES)
def test_no_steering_parameter_gets_past_the_gate(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, case: str, poison: str
) -> None:
    """The provider is asked once, by the deployment's own means; answer and row are as always."""
    path, model, body, usd = CASES[case]
    clouds.clear()
    sent = {"metadata": METADATA, **poisons(poison), **body, "model": model}
    answer = client.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    assert said(answer).strip() == "Good day"
    requests = asked(clouds)
    assert len(requests) == 1
    assert "poison" not in json.dumps(requests)
    row = gateway.row(answer)
    assert (row.status, row.gen_ai_request_model, row.owner) == (
        "success",
        model,
        "hanako@example.com",
    )
    assert (row.gen_ai_usage_input_tokens, row.gen_ai_usage_output_tokens) == (100, 10)
    if usd is not None:  # 100 and 10 tokens at the model's price for each million
        assert row.billed_cost == Decimal(usd)
    assert "poison" not in repr(row)


@pytest.mark.parametrize("poison", ["every name", "live values"])
@pytest.mark.parametrize("model", ["text-embedding-3-large", "titan-embed-text-v2"])
def test_no_steering_parameter_gets_past_embeddings(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, model: str, poison: str
) -> None:
    """The same holds for embeddings."""
    clouds.clear()
    sent = {"metadata": METADATA, **poisons(poison), "model": model, "input": "Good day"}
    answer = client.post("/v1/embeddings", json=sent)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 1
    assert len(asked(clouds)) == 1
    assert "poison" not in json.dumps(asked(clouds))
    assert gateway.row(answer).status == "success"


def test_no_steering_parameter_gets_past_a_form(
    client: httpx.Client, gateway: Gateway, clouds: Simulator
) -> None:
    """Nor does it as a field of a form, in brackets, or in a form's metadata."""
    clouds.clear()
    bracketed = {"metadata[tags]": "poison", "extra_body[api_key]": "poison"}
    whole = {"metadata": json.dumps(METADATA), "model": "gpt-4o-mini-transcribe"}
    form = {**every_name(), **bracketed, **whole}
    poisoned = [
        (name, ("poison", b"poison", "text/plain")) for name in ("api_base", "prompt", "file[a]")
    ]
    files = [*poisoned, ("file", ("a.wav", wav(1), "audio/wav"))]
    answer = client.post("/v1/audio/transcriptions", data=form, files=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"]
    (request,) = asked(clouds)
    assert request["body"].keys() <= {"model", "file", "response_format", "user"}
    assert "poison" not in json.dumps(request)
    assert gateway.row(answer).status == "success"


def test_a_model_that_the_key_may_not_use_stays_out_of_reach(
    gateway: Gateway, clouds: Simulator
) -> None:
    """Neither fallbacks nor Bedrock's `model_id` lead from an allowed model to another."""
    key = gateway.issue("nova-only", models="nova-*", kind="service")
    clouds.clear()
    too_long = '[[sim:status 400 message="Input is too long for requested model"]]'
    detours = {
        "fallbacks": ["gpt-4.1"],
        "context_window_fallbacks": [{"nova-lite": ["gpt-4.1"]}],
        "content_policy_fallbacks": [{"nova-lite": ["gpt-4.1"]}],
        "model_id": "us.anthropic.claude-opus-4-1",
        "deployment_id": "us.anthropic.claude-opus-4-1",
        "engine": "gpt-4.1",
    }
    with gateway.client(key) as client:
        for text in ("hello", too_long):
            turn = [{"role": "user", "content": text}]
            client.post(
                "/v1/chat/completions", json={"model": "nova-lite", "messages": turn, **detours}
            )
    assert [entry["path"] for entry in asked(clouds)] == [
        "/model/us.amazon.nova-lite-v1:0/converse",
        "/model/us.amazon.nova-lite-v1:0/converse",
    ]


def test_public_parameters_pass(client: httpx.Client, clouds: Simulator) -> None:
    """What belongs to the API reaches the model."""
    clouds.clear()
    public = {"temperature": 0.5, "max_tokens": 77, "stop": ["END"], "seed": 5, "top_p": 0.9}
    body = {"model": "gpt-4.1", "messages": TURN, **public}
    assert client.post("/v1/chat/completions", json=body).status_code == 200
    (request,) = asked(clouds)
    assert public.items() <= request["body"].items()
    for own in ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"top_k": 5}):
        clouds.clear()
        body = {"model": "claude-sonnet-4-6-vertex", "messages": TURN, "max_tokens": 2000, **own}
        assert client.post("/v1/messages", json=body).status_code == 200
        (request,) = asked(clouds)
        assert own.items() <= request["body"].items()


def test_headers_stay_at_the_gate(
    client: httpx.Client, gateway: Gateway, clouds: Simulator
) -> None:
    """No header of the client steers LiteLLM or reaches a provider; the beta flags do."""
    clouds.clear()
    sent = {
        "x-litellm-timeout": "0.001",
        "x-litellm-num-retries": "5",
        "x-litellm-call-id": "poison",
        "x-litellm-trace-id": "poison",
        "x-litellm-tags": "poison",
        "x-litellm-api-key": "sk-poison",
        "x-litellm-spend-logs-metadata": '{"a": "poison"}',
        "x-litellm-api-base": "http://127.0.0.1:9/poison",
        "litellm-disable-message-redaction": "poison",
        "cookie": "token=poison",
        "x-api-key": "sk-poison",
        "api-key": "sk-poison",
        "x-goog-api-key": "sk-poison",
        "x-openwebui-user-email": "poison@example.com",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "poison.example",
        "x-pass-poison": "poison",
        "x-stainless-poison": "poison",
        "helicone-auth": "poison",
        "langfuse_trace_id": "poison",
        "anthropic-beta": "context-1m-2025-08-07",
    }
    body = {"model": "claude-sonnet-4-6-vertex", "messages": TURN, "max_tokens": 50}
    answer = client.post("/v1/messages", json=body, headers=sent)
    assert answer.status_code == 200, answer.text
    (request,) = asked(clouds)
    flat = json.dumps(request)
    assert "poison" not in flat
    assert "203.0.113.9" not in flat
    assert "context-1m-2025-08-07" in flat
    row = gateway.row(answer)
    assert row.client_address == "127.0.0.1"
    assert (row.end_user_email, row.end_user_source) == ("hanako@example.com", "key")


# The stable stand-in for hanako@example.com: "u-" and 32 digits of the HMAC-SHA-256 of
# "end user:hanako@example.com" with the gateway's master key, as openssl computes it.
HANAKO = "u-be780f9e3fef5ea9f3d0798e8dd323d1"
CLAIMS: dict[str, tuple[str, Json, Json, Callable[[Json], object]]] = {
    "user in chat": (
        "/v1/chat/completions",
        {"model": "gpt-4.1", "messages": TURN, "user": "taro@example.com"},
        {},
        lambda body: body["user"],
    ),
    "safety_identifier in chat": (
        "/v1/chat/completions",
        {"model": "gpt-4.1", "messages": TURN, "safety_identifier": "taro@example.com"},
        {},
        lambda body: body.get("safety_identifier", HANAKO),
    ),
    "user in responses": (
        "/v1/responses",
        {"model": "gpt-4.1", "input": TEXT, "user": "taro@example.com"},
        {},
        lambda body: body["user"],
    ),
    "safety_identifier in responses": (
        "/v1/responses",
        {"model": "gpt-4.1", "input": TEXT, "safety_identifier": "taro@example.com"},
        {},
        lambda body: body["safety_identifier"],
    ),
    "user in embeddings": (
        "/v1/embeddings",
        {"model": "text-embedding-3-large", "input": "a", "user": "taro@example.com"},
        {},
        lambda body: body["user"],
    ),
    "metadata.user_id in messages": (
        "/v1/messages",
        {
            "model": "claude-sonnet-4-6-vertex",
            "messages": TURN,
            "max_tokens": 50,
            "metadata": {"user_id": "taro@example.com", "email": "taro@example.com"},
        },
        {},
        lambda body: body["metadata"]["user_id"],
    ),
    "metadata.user_id in chat": (
        "/v1/chat/completions",
        {"model": "gpt-4.1", "messages": TURN, "metadata": {"user_id": "taro@example.com"}},
        {},
        lambda body: body.get("user", HANAKO),
    ),
    "a header": (
        "/v1/chat/completions",
        {"model": "gpt-4.1", "messages": TURN},
        {"x-litellm-end-user-id": "taro@example.com"},
        lambda body: body.get("user", HANAKO),
    ),
    "another header": (
        "/v1/messages",
        {"model": "claude-sonnet-4-6-vertex", "messages": TURN, "max_tokens": 50},
        {"x-litellm-customer-id": "taro@example.com"},
        lambda body: body.get("metadata", {}).get("user_id", HANAKO),
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_is_noted_and_decides_nothing(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, claim: str
) -> None:
    """The provider gets the key owner's stable hash; the row keeps the claim beside the truth."""
    path, body, headers, arrived = CLAIMS[claim]
    clouds.clear()
    answer = client.post(path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    (request,) = asked(clouds)
    assert arrived(request["body"]) == HANAKO
    assert "@example.com" not in json.dumps(request)
    row = gateway.row(answer)
    assert row.claimed_user == "taro@example.com"
    assert (row.end_user_id, row.end_user_source) == ("hanako@example.com", "key")


def test_a_claim_in_a_form(client: httpx.Client, gateway: Gateway, clouds: Simulator) -> None:
    """Forms can't carry an e-mail to a provider in `user` or `safety_identifier` either."""
    clouds.clear()
    claims = {"user": "taro@example.com", "safety_identifier": "taro@example.com"}
    form = {"model": "gpt-image-2", "prompt": "at night", **claims}
    image = {"image": ("gate.png", b"\x89PNG\r\n\x1a\n", "image/png")}
    answer = client.post("/v1/images/edits", data=form, files=image)
    assert answer.status_code == 200, answer.text
    (request,) = asked(clouds)
    assert request["body"]["user"] == HANAKO
    assert "@example.com" not in json.dumps(request)
    assert gateway.row(answer).claimed_user == "taro@example.com"
