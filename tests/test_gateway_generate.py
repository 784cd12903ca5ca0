# pyright: basic
# (the types of google-genai are incomplete)
"""Google's own SDK works against the gateway unchanged, whatever cloud and model answers."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from .gateway import Gateway
from .simulators import Simulator
from .simulators.media import PNG

GEMINI, BEDROCK, NOVA = "gemini-3.5-flash", "claude-sonnet-4-6-bedrock", "nova-lite"
VERTEX, AZURE = "claude-sonnet-4-6-vertex", "gpt-4.1"
MODELS = (GEMINI, BEDROCK, NOVA, VERTEX, AZURE)
ID = "x-sekisho-request-id"

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
}
TOOLS = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="weather", parameters_json_schema=WEATHER),
        types.FunctionDeclaration(name="now", parameters_json_schema={"type": "object"}),
    ]
)


def sdk(gateway: Gateway, key: str, version: str) -> genai.Client:
    """Google's SDK, set up as its documentation says."""
    options = types.HttpOptions(
        base_url=gateway.url,
        api_version=version,
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture(scope="module")
def google(gateway: Gateway, key: str) -> Iterator[genai.Client]:
    """Google's SDK with its own version of the API."""
    with sdk(gateway, key, "v1beta") as client:
        yield client


def config(**more: Any) -> types.GenerateContentConfig:
    """Settings without the SDK's own calling of tools, which warns."""
    never = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(automatic_function_calling=never, **more)


def said(clouds: Simulator) -> dict[str, Any]:
    """The body of the last request to a model."""
    found: dict[str, Any] = [e for e in clouds.journal() if e["path"] != "/token"][-1]["body"]
    return found


@pytest.mark.parametrize("model", MODELS)
def test_an_answer(google: genai.Client, gateway: Gateway, model: str) -> None:
    """An answer comes back whole; its row has user, alias, tokens and a price."""
    answer = google.models.generate_content(
        model=model,
        contents="[[sim:text Good day]] [[sim:usage input=100 output=10]]",
        config=config(max_output_tokens=50, temperature=0.5, system_instruction="Be brief."),
    )
    assert (answer.text or "").strip() == "Good day"
    assert answer.model_version == model
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.prompt_token_count == 100
    assert answer.usage_metadata.candidates_token_count == 10
    assert answer.sdk_http_response is not None
    assert answer.sdk_http_response.headers is not None
    row = gateway.row_of(answer.sdk_http_response.headers[ID])
    assert (row.status, row.gen_ai_operation_name) == ("success", "generate_content")
    assert (row.gen_ai_request_model, row.end_user_email) == (model, "hanako@example.com")
    assert (row.gen_ai_usage_input_tokens, row.gen_ai_usage_output_tokens) == (100, 10)
    assert row.gen_ai_response_finish_reasons == ("STOP",)
    assert (row.app, row.gen_ai_request_stream) == ("google-genai-sdk", False)
    assert [attempt.http_response_status_code for attempt in row.attempts] == [200]


@pytest.mark.parametrize("model", MODELS)
def test_a_stream(google: genai.Client, gateway: Gateway, model: str) -> None:
    """A stream comes in pieces, the last with reason and usage, and its row is as complete."""
    pieces = list(
        google.models.generate_content_stream(
            model=model,
            contents="[[sim:text one two three]] [[sim:usage input=100 output=10]]",
            config=config(max_output_tokens=50),
        )
    )
    assert "".join(piece.text or "" for piece in pieces).strip() == "one two three"
    assert {piece.model_version for piece in pieces} == {model}
    assert len(pieces) > 1
    assert pieces[-1].candidates is not None
    assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert pieces[-1].usage_metadata is not None
    assert pieces[-1].usage_metadata.prompt_token_count == 100
    assert pieces[-1].sdk_http_response is not None
    assert pieces[-1].sdk_http_response.headers is not None
    row = gateway.row_of(pieces[-1].sdk_http_response.headers[ID])
    assert (row.status, row.gen_ai_request_stream) == ("success", True)
    assert (row.gen_ai_usage_input_tokens, row.gen_ai_usage_output_tokens) == (100, 10)
    assert row.is_priced
    assert not row.usage_is_estimated
    assert row.time_to_first_token_ms is not None


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("model", MODELS)
def test_tools(google: genai.Client, clouds: Simulator, model: str, streamed: bool) -> None:
    """Calls of tools come back, also those without arguments, and their results are said."""
    asked = '[[sim:tool weather={"city":"Kyoto"}]] [[sim:tool now={}]]'
    ask = google.models.generate_content_stream if streamed else google.models.generate_content
    answers: Any = ask(
        model=model, contents=asked, config=config(tools=[TOOLS], max_output_tokens=500)
    )
    answers = list(answers) if streamed else [answers]
    calls = [call for answer in answers for call in answer.function_calls or []]
    assert [(call.name, call.args) for call in calls] == [
        ("weather", {"city": "Kyoto"}),
        ("now", {}),
    ]
    parts = [part for a in answers for part in a.candidates[0].content.parts or []]
    results = [
        types.Part.from_function_response(name=str(call.name), response={"result": f"{call.name}!"})
        for call in calls
    ]
    turns = [
        types.Content(role="user", parts=[types.Part(text=asked)]),
        types.Content(role="model", parts=parts),
        types.Content(role="user", parts=results),
    ]
    after: Any = google.models.generate_content(
        model=model, contents=turns, config=config(tools=[TOOLS], max_output_tokens=500)
    )
    assert after.text
    sent = str(said(clouds))
    assert "weather!" in sent
    assert "now!" in sent


@pytest.mark.parametrize("model", [BEDROCK, AZURE])
def test_what_is_said_to_models_of_others(
    google: genai.Client, clouds: Simulator, model: str
) -> None:
    """Pictures, all instructions and settings reach the model; thoughts are not said back to it."""
    google.models.generate_content(
        model=model,
        contents=[
            types.Content(role="user", parts=[types.Part(text="A question.")]),
            types.Content(
                role="model",
                parts=[types.Part(text="Hm, hm.", thought=True), types.Part(text="An answer.")],
            ),
            types.Content(
                role="user",
                parts=[
                    types.Part.from_bytes(data=PNG, mime_type="image/png"),
                    types.Part(text="And?"),
                ],
            ),
        ],
        config=config(
            system_instruction=["First rule.", "Second rule."],
            max_output_tokens=77,
            stop_sequences=["END"],
        ),
    )
    sent = str(said(clouds))
    for word in ("First rule.", "Second rule.", "An answer.", "And?", "77", "END", "iVBOR"):
        assert word in sent, word
    assert "Hm, hm." not in sent


def test_the_other_version(gateway: Gateway, key: str) -> None:
    """The JavaScript SDK asks for version `v1`: it is the same."""
    with sdk(gateway, key, "v1") as google:
        answer = google.models.generate_content(model=GEMINI, contents="[[sim:text Yes]]")
        assert answer.text == "Yes"
        pieces = google.models.generate_content_stream(model=AZURE, contents="[[sim:text Yes]]")
        assert "".join(piece.text or "" for piece in pieces).strip() == "Yes"
        assert google.models.count_tokens(model=GEMINI, contents="Yes").total_tokens == 1


def test_counting(google: genai.Client, gateway: Gateway, clouds: Simulator) -> None:
    """Tokens are counted by the provider, and cost nothing."""
    clouds.clear()
    counted = google.models.count_tokens(model=GEMINI, contents="How long is this?")
    assert counted.total_tokens == 5  # as the simulator counts: 17 characters // 4 + 1
    assert [e["path"].rpartition(":")[2] for e in clouds.journal() if e["path"] != "/token"] == [
        "countTokens"
    ]
    assert counted.sdk_http_response is not None
    assert counted.sdk_http_response.headers is not None
    row = gateway.row_of(counted.sdk_http_response.headers[ID])
    assert row.gen_ai_operation_name == "count_tokens"
    assert row.billed_cost == 0
    assert row.other_units == {"counted_tokens": 5}


def test_counting_a_whole_request(gateway: Gateway, key: str) -> None:
    """What is counted may stand in the request that it is counted for, as Gemini's clients do."""
    inner = {"model": f"models/{GEMINI}", "contents": [{"parts": [{"text": "How long is this?"}]}]}
    answer = httpx.post(
        f"{gateway.url}/v1beta/models/{GEMINI}:countTokens",
        headers={"x-goog-api-key": key},
        json={"generateContentRequest": inner},
    )
    assert answer.json()["totalTokens"] == 5, answer.text


def test_the_other_spelling(gateway: Gateway, key: str, clouds: Simulator) -> None:
    """Google's JSON may be written in snake case and without lists: it says the same."""
    answer = httpx.post(
        f"{gateway.url}/v1beta/models/{GEMINI}:generateContent",
        params={"key": key},
        json={
            "contents": {"parts": {"text": "[[sim:text Yes]]"}},
            "system_instruction": "Be brief.",
            "generation_config": {"max_output_tokens": 66},
        },
    )
    assert answer.json()["candidates"][0]["content"]["parts"] == [{"text": "Yes"}], answer.text
    sent = said(clouds)
    assert sent["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert sent["generationConfig"] == {"max_output_tokens": 66}
