"""Google's requests and errors without a gateway: how they are read, what they cost at most."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sekisho.gate import google, google_error
from sekisho.gate.errors import Failure
from sekisho.gate.surface import allowed_methods, dialect_at, find, model_name, template
from sekisho.gate.worst_case.cost import most
from sekisho.gate.worst_case.talk import limited
from sekisho.keys.identity import Quota
from sekisho.lake.bodies import messages
from sekisho.pricing.catalog import price_from
from sekisho.providers.deployment import Deployment

Json = dict[str, Any]

PNG = "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("path", "alias"),
    [
        ("/v1beta/models/an:generateContent", "an"),
        ("/v1/models/vertex/a@20260101:generateContent", "vertex/a@20260101"),
        ("/v1beta/models/us.amazon.nova-pro-v1:0:generateContent", "us.amazon.nova-pro-v1:0"),
        ("/v1beta/models/models/an:generateContent", "models/an"),
        ("/v1beta/models/:generateContent", ":generateContent"),
        ("/v1beta/models/an:embedContent", "an:embedContent"),
        ("/v1beta/models", None),
    ],
)
def test_the_alias_in_the_path(path: str, alias: str | None) -> None:
    """An alias may have slashes, `@` and colons; a verb that isn't served is no verb."""
    assert model_name(path) == alias
    if alias is not None:
        assert template(path) == path.replace(alias, "{model}")
    route = find("POST", path)
    served = path.endswith(":generateContent") and alias != ":generateContent"
    assert (route is not None and route.operation == "generate_content") == served
    assert dialect_at(path) == "google"
    if served:
        assert allowed_methods(path) == ("POST",)


def test_the_one_spelling() -> None:
    """Snake case, single items and plain texts become what Google's documents show."""
    given: Json = {
        "model": "other",
        "stream": True,
        "contents": {
            "role": "USER",
            "parts": {"inline_data": {"mime_type": "image/png", "data": PNG}},
        },
        "system_instruction": "Be brief.",
        "tools": {"function_declarations": {"name": "f", "parameters_json_schema": {"a_b": 1}}},
        "tool_config": {"function_calling_config": {"allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": 5, "maxOutputTokens": 7},
        "user_config": {"a": 1},
    }
    assert google.read(given, "alias", streams=False) == {
        "model": "alias",
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"a_b": 1}}]}],
        "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 7},
    }


def test_what_tools_say_stays() -> None:
    """Arguments and answers of tools are the client's own: nothing in them is renamed."""
    parts: list[Json] = [
        {"function_call": {"name": "f", "args": {"a_b": {"c_d": 1}}}, "thought_signature": "x"},
        {"functionResponse": {"name": "f", "response": {"e_f": 2}}},
    ]
    read = google.read({"contents": [{"role": "model", "parts": parts}]}, "a", streams=True)
    assert read == {
        "model": "a",
        "stream": True,
        "contents": [
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"name": "f", "args": {"a_b": {"c_d": 1}}},
                        "thoughtSignature": "x",
                    },
                    {"functionResponse": {"name": "f", "response": {"e_f": 2}}},
                ],
            }
        ],
    }


@pytest.mark.parametrize("given", [{}, {"contents": "hi"}, {"contents": [], "tools": [None]}])
def test_what_is_no_request(given: Json) -> None:
    """A request without contents, or with something else in their place, is refused."""
    with pytest.raises(Failure) as refused:
        google.read(given, "a", streams=False)
    assert refused.value.status == 400


def test_errors() -> None:
    """An error has number, words, canonical code, our reason, and when to come back."""
    assert google_error.error(429, "slow down", "too_many", "2") == {
        "code": 429,
        "message": "slow down",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "TOO_MANY",
                "domain": "sekisho",
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"},
        ],
    }
    assert google_error.until(None) is None
    assert google_error.until(Quota("budget", "1", None)) == "31536000"
    soon = Quota("budget", "1", datetime.now(UTC) + timedelta(seconds=400))
    assert int(google_error.until(soon) or "") in range(390, 401)
    plain = {"code": 500, "message": "no", "status": "INTERNAL"}
    assert google_error.error(500, "no", None, "Wed, 21 Oct 2026 07:28:00 GMT") == plain


def _most(*parts: Json, **more: Any) -> Decimal:
    """The most that a request can cost with 1 USD for each token in, and 1000 USD for one out."""
    deployment = Deployment(
        id="m@vertex",
        alias="gemini-m",
        cloud="vertex",
        mode="chat",
        params={"model": "vertex_ai/gemini-m"},
        model_info={"max_output_tokens": 90, "max_input_tokens": 100_000},
        price_id="gemini-m",
    )
    entry = {
        "input": "1000000",
        "output": "1000000000",
        "query": "1000000",
        "source": "s",
        "date": date(2026, 1, 1),
    }
    price = price_from("gemini-m", "here", entry, Decimal(1))
    asked = {"model": "m", "contents": [{"role": "user", "parts": list(parts)}], **more}
    found = most("generate_content", asked, b"", [(deployment, price)])
    assert found is not None
    return found


def test_the_most_that_an_answer_can_cost() -> None:
    """The limit in `generationConfig` and the number of candidates bound the answer."""
    text = {"text": "hi"}
    output = Decimal(1000)
    unlimited = _most(text)
    assert 90 * output < unlimited < 91 * output
    limit = {"maxOutputTokens": 20}
    assert 20 * output < _most(text, generationConfig=limit) < 21 * output
    twice = {**limit, "candidateCount": 2}
    assert 40 * output < _most(text, generationConfig=twice) < 41 * output


def test_the_most_that_a_prompt_can_cost() -> None:
    """Pictures count by what a model sees of them, not by their bytes; what isn't in the request
    counts as all that the model can read; searches count."""
    config = {"generationConfig": {"maxOutputTokens": 1}}
    plain = _most({"text": "hi"}, **config)
    data = "A" * 4_000_000  # 3 MB
    shown = _most({"inlineData": {"mimeType": "image/png", "data": data}}, **config)
    assert 2_240 <= shown - plain < 2_400  # ai.google.dev, "Media resolution", ultra high
    assert _most({"inlineData": {"mimeType": "application/pdf", "data": data}}, **config) > 90_000
    elsewhere = {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://bucket/film.mp4"}}
    assert _most(elsewhere, **config) > 100_000
    assert _most({"text": "hi"}, cachedContent="cachedContents/1", **config) > 100_000
    assert _most({"text": "hi"}, tools=[{"googleSearch": {}}], **config) > 10_000_000


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"generationConfig": {"maxOutputTokens": 5}}),
        (
            {"generationConfig": {"temperature": 1}},
            {"generationConfig": {"temperature": 1, "maxOutputTokens": 5}},
        ),
        ({"generationConfig": {"maxOutputTokens": 3}}, {}),
    ],
)
def test_where_an_answer_is_limited(asked: Json, expected: Json) -> None:
    """A request without a limit gets one where Google's API has it; one with a limit keeps it."""
    assert limited("generate_content", asked, 5) == expected


def test_messages() -> None:
    """Google's contents and candidates become messages of OpenTelemetry's schema."""
    asked = {
        "model": "m",
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What is this?"},
                    {"inlineData": {"mimeType": "image/png", "data": PNG}},
                    {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a/b"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Hm", "thought": True},
                    {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}},
                    {"executableCode": {"code": "1 + 1"}},
                ],
            },
            {"parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"b": 2}}}]},
        ],
        "generationConfig": {"maxOutputTokens": 5},
    }
    assert messages.asked("generate_content", asked) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "What is this?"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
                {"type": "uri", "modality": "video", "uri": "gs://a/b"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": 1}},
                {"type": "unknown", "executableCode": {"code": "1 + 1"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"type": "tool_call_response", "id": "1", "response": {"b": 2}, "name": "f"},
            ],
        },
    ]
    assert messages.parameters("generate_content", asked) == {
        "model": "m",
        "generationConfig": {"maxOutputTokens": 5},
    }
    answer = {"candidates": [{"content": {"parts": [{"text": "Yes"}]}, "finishReason": "STOP"}]}
    assert messages.answered("generate_content", answer) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Yes"}],
            "finish_reason": "STOP",
        }
    ]
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    assert messages.answered("generate_content", blocked) == [
        {"role": "assistant", "parts": [], "finish_reason": "SAFETY"}
    ]
