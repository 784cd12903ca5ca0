"""The official SDKs work against the gateway unchanged, on every API that it serves."""

from collections.abc import Iterator
from decimal import Decimal

import anthropic
import httpx
import openai
import pytest

from .gateway import Gateway
from .simulators import Simulator
from .simulators.media import wav

WEATHER: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


@pytest.fixture(scope="module")
def oai(gateway: Gateway, key: str) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, set up as its documentation says."""
    with openai.OpenAI(base_url=gateway.url + "/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def claude(gateway: Gateway, key: str) -> Iterator[anthropic.Anthropic]:
    """Anthropic's SDK, set up as its documentation says."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as client:
        yield client


def test_chat(oai: openai.OpenAI, gateway: Gateway) -> None:
    """A chat completion comes back whole, and its row has user, tokens and price."""
    answer = oai.chat.completions.with_raw_response.create(
        model="claude-sonnet-4-6-bedrock",
        messages=[
            {"role": "user", "content": "[[sim:text Good day]] [[sim:usage input=100 output=10]]"}
        ],
    )
    assert answer.parse().choices[0].message.content == "Good day"
    row = gateway.row_of(answer.headers["x-request-id"])
    assert row.status == "success"
    assert row.end_user_email == "hanako@example.com"
    assert (row.gen_ai_usage_input_tokens, row.gen_ai_usage_output_tokens) == (100, 10)
    assert row.billed_cost == Decimal("0.00045")  # 100 x 3 USD/M + 10 x 15 USD/M


def test_chat_stream(oai: openai.OpenAI) -> None:
    """A stream without include_usage has no chunk without choices, and ends with its reason."""
    chunks = list(
        oai.chat.completions.create(
            model="gpt-4.1",
            messages=[{"role": "user", "content": "[[sim:text one two three]]"}],
            stream=True,
        )
    )
    assert all(chunk.choices for chunk in chunks)
    assert "".join(c.choices[0].delta.content or "" for c in chunks).strip() == "one two three"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_chat_stream_with_usage(oai: openai.OpenAI) -> None:
    """A client that asks for the usage chunk gets it."""
    chunks = list(
        oai.chat.completions.create(
            model="gpt-4.1",
            messages=[{"role": "user", "content": "[[sim:usage input=70 output=7]]"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (70, 7)
    assert "cost" not in (usage.model_extra or {}), "LiteLLM's own figure is not for clients"


def test_tools(oai: openai.OpenAI) -> None:
    """A tool call arrives with its arguments, streamed or not."""
    answer = oai.chat.completions.create(
        model="gemini-3.5-flash",
        messages=[{"role": "user", "content": '[[sim:tool weather={"city":"Kyoto"}]]'}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}],
    )
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"
    assert "Kyoto" in calls[0].function.arguments


def test_responses(oai: openai.OpenAI) -> None:
    """The Responses API answers, whole and streamed."""
    whole = oai.responses.create(model="gpt-5.3-codex", input="[[sim:text Hello there]]")
    assert whole.output_text == "Hello there"
    events = list(
        oai.responses.create(
            model="claude-sonnet-4-6", input="[[sim:text Hello there]]", stream=True
        )
    )
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text.strip() == "Hello there"


def test_embeddings(oai: openai.OpenAI) -> None:
    """Embeddings have one vector for each text."""
    answer = oai.embeddings.create(model="text-embedding-3-large", input=["one", "two"])
    assert len(answer.data) == 2
    assert len(answer.data[0].embedding) > 0


def test_images(oai: openai.OpenAI) -> None:
    """A picture comes back as base64."""
    answer = oai.images.generate(model="gpt-image-2", prompt="a gate in the mountains")
    assert answer.data is not None
    assert answer.data[0].b64_json


def test_image_edit(oai: openai.OpenAI) -> None:
    """A picture that is uploaded comes back edited."""
    answer = oai.images.edit(
        model="gpt-image-2",
        image=("gate.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        prompt="at night",
    )
    assert answer.data is not None
    assert answer.data[0].b64_json


def test_transcription(oai: openai.OpenAI) -> None:
    """Speech becomes text."""
    answer = oai.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=("a.wav", wav(2), "audio/wav")
    )
    assert answer.text


def test_transcription_as_text(oai: openai.OpenAI) -> None:
    """A transcript that is asked for as text is text, not JSON."""
    answer = oai.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe",
        file=("a.wav", wav(2), "audio/wav"),
        response_format="text",
    )
    assert answer == "This is a simulated answer.\n"


def test_speech(oai: openai.OpenAI) -> None:
    """Text becomes sound."""
    answer = oai.audio.speech.create(model="tts-1", voice="alloy", input="Good day")
    assert len(answer.content) > 100


def test_models(oai: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    """Both SDKs list the same models, each in its own shape."""
    names = {model.id for model in oai.models.list()}
    assert {"demo", "claude-sonnet-4-6", "gpt-4.1", "gemini-3.5-flash"} <= names
    assert {model.id for model in claude.models.list()} == names
    assert oai.models.retrieve("gpt-4.1").id == "gpt-4.1"


def test_messages(claude: anthropic.Anthropic, gateway: Gateway) -> None:
    """A message comes back whole, with the cache figures of the provider."""
    answer = claude.messages.with_raw_response.create(
        model="claude-sonnet-4-6-vertex",
        max_tokens=100,
        messages=[
            {
                "role": "user",
                "content": "[[sim:usage input=1000 output=10 cache_read=600 cache_write_5m=200 "
                "cache_write_1h=100]]",
            }
        ],
    )
    usage = answer.parse().usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (100, 600)
    row = gateway.row_of(answer.headers["request-id"])
    # 100 x 3 + 600 x 0.30 + 200 x 3.75 + 100 x 6 + 10 x 15 USD per million
    assert row.billed_cost == Decimal("0.00198")


def test_messages_stream(claude: anthropic.Anthropic) -> None:
    """A streamed message tells its text and its final usage."""
    with claude.messages.stream(
        model="claude-sonnet-4-6-bedrock",
        max_tokens=100,
        messages=[
            {"role": "user", "content": "[[sim:text one two]] [[sim:usage input=50 output=5]]"}
        ],
    ) as stream:
        assert "".join(stream.text_stream).strip() == "one two"
        final = stream.get_final_message()
    assert (final.usage.input_tokens, final.usage.output_tokens) == (50, 5)


def test_count_tokens(claude: anthropic.Anthropic) -> None:
    """Tokens are counted."""
    answer = claude.messages.count_tokens(
        model="claude-sonnet-4-6-vertex", messages=[{"role": "user", "content": "How many?"}]
    )
    assert answer.input_tokens > 0


def test_wrong_key_is_the_sdks_own_error(gateway: Gateway) -> None:
    """A wrong key raises each SDK's AuthenticationError, with our words."""
    with (
        openai.OpenAI(base_url=gateway.url + "/v1", api_key="sk-wrong", max_retries=0) as oai,
        pytest.raises(openai.AuthenticationError, match="not a key of this gateway"),
    ):
        oai.chat.completions.create(model="demo", messages=[{"role": "user", "content": "hi"}])
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="sk-wrong", max_retries=0) as claude,
        pytest.raises(anthropic.AuthenticationError, match="not a key of this gateway"),
    ):
        claude.messages.create(
            model="demo", max_tokens=10, messages=[{"role": "user", "content": "hi"}]
        )


def test_gemini_speech_is_asked_once(
    oai: openai.OpenAI, gateway: Gateway, clouds: Simulator
) -> None:
    """LiteLLM asks Vertex AI twice for one speech (see callbacks/gemini_speech.py); we once."""
    clouds.clear()
    answer = oai.audio.speech.with_raw_response.create(
        model="gemini-3.8-flash-tts", voice="Kore", input="Good day", response_format="wav"
    )
    assert answer.content[:4] == b"RIFF"
    assert len([e for e in clouds.journal() if "gemini-3.8-flash-tts" in e["path"]]) == 1
    row = gateway.row_of(answer.headers["x-request-id"])
    assert row.is_priced


def test_rerank(client: httpx.Client, gateway: Gateway) -> None:
    """Documents come back ranked; one query is billed for up to 100 of them."""
    body = {"model": "cohere-rerank-3.5", "query": "gate", "documents": ["a gate", "a river"]}
    answer = client.post("/v1/rerank", json=body)
    assert len(answer.json()["results"]) == 2
    assert gateway.row(answer).billed_cost == Decimal("0.002")
