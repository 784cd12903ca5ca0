# pyright: basic
# (the types of google-genai are incomplete)
"""google-genai, AnthropicVertex and plain HTTP take the Vertex simulator for the real thing."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.lib.vertex import AnthropicVertex
from google import genai
from google.genai import errors, types
from google.oauth2 import service_account
from openai import OpenAI

from .simulators import PROJECT, Simulator
from .simulators.media import wav

GEMINI = "gemini-2.5-pro"
CLAUDE = "claude-sonnet-4-6"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SPENT = "[[sim:usage input=100 output=10 cache_read=20 reasoning=4]]"
PLACE = f"projects/{PROJECT}/locations/us-central1"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """One simulator for the whole file."""
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def gemini(sim: Simulator) -> Iterator[genai.Client]:
    """A Vertex client that logs in with the throw-away service account."""
    login = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
        sim.service_account_file, scopes=[SCOPE]
    )
    with genai.Client(
        vertexai=True,
        project=PROJECT,
        location="us-central1",
        credentials=login,
        http_options=types.HttpOptions(
            base_url=sim.url, retry_options=types.HttpRetryOptions(attempts=1)
        ),
    ) as client:
        yield client


@pytest.fixture(scope="module")
def claude(sim: Simulator) -> Iterator[AnthropicVertex]:
    """Anthropic's Vertex client, which never retries."""
    with AnthropicVertex(
        base_url=f"{sim.url}/v1",
        region="us-east5",
        project_id=PROJECT,
        access_token="simulated",
        max_retries=0,
    ) as client:
        yield client


WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            parameters=types.Schema(
                type=types.Type.OBJECT,
                properties={"city": types.Schema(type=types.Type.STRING)},
                required=["city"],
            ),
        )
    ]
)


def test_generate_content_logs_in(sim: Simulator, gemini: genai.Client) -> None:
    """The service account gets its token from the simulator, and the answer is deterministic."""
    answer = gemini.models.generate_content(model=GEMINI, contents="Hello, who are you?")
    assert answer.text == "This is a simulated answer."
    assert answer.usage_metadata
    assert answer.usage_metadata.prompt_token_count == 5
    assert answer.usage_metadata.candidates_token_count == 5
    assert answer.usage_metadata.total_token_count == 10
    calls = [(entry["path"], entry["status"]) for entry in sim.journal()[:2]]
    assert calls == [
        ("/token", 200),
        (f"/v1beta1/{PLACE}/publishers/google/models/{GEMINI}:generateContent", 200),
    ]


def test_gemini_usage_semantics(gemini: genai.Client) -> None:
    """`promptTokenCount` includes cached tokens; thoughts stand beside the candidates' tokens."""
    used = gemini.models.generate_content(model=GEMINI, contents=SPENT).usage_metadata
    assert used
    assert used.prompt_token_count == 100
    assert used.cached_content_token_count == 20
    assert used.candidates_token_count == 6
    assert used.thoughts_token_count == 4
    assert used.total_token_count == 110


def test_gemini_traffic_type(gemini: genai.Client) -> None:
    """A tier shows as Vertex's traffic type."""
    used = gemini.models.generate_content(model=GEMINI, contents="[[sim:tier flex]]").usage_metadata
    assert used
    assert used.traffic_type == "ON_DEMAND_FLEX"


def test_gemini_stream_has_usage_in_its_last_chunk(gemini: genai.Client) -> None:
    """Chunks arrive one word each; only the last one counts tokens."""
    chunks = list(gemini.models.generate_content_stream(model=GEMINI, contents="Hello"))
    assert [chunk.text for chunk in chunks] == ["This ", "is ", "a ", "simulated ", "answer."]
    counts = [c.usage_metadata and c.usage_metadata.candidates_token_count for c in chunks]
    assert counts == [None, None, None, None, 5]


def test_gemini_stream_as_json_array(sim: Simulator) -> None:
    """Without `alt=sse` the stream is one JSON array of the same responses."""
    path = f"/v1/{PLACE}/publishers/google/models/{GEMINI}:streamGenerateContent"
    contents = [{"role": "user", "parts": [{"text": "[[sim:text Good day]]"}]}]
    chunks = httpx.post(sim.url + path, json={"contents": contents}).json()
    texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks]
    assert texts == ["Good ", "day"]


def test_gemini_streams_tool_calls_with_a_thought_signature(gemini: genai.Client) -> None:
    """Two parallel calls come out of the stream, the first with a thought signature."""
    chunks = gemini.models.generate_content_stream(
        model=GEMINI,
        contents='[[sim:tool get_weather={"city": "Kyoto"}]] [[sim:tools 1]]',
        config=types.GenerateContentConfig(
            tools=[WEATHER],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        ),
    )
    parts = [part for chunk in chunks for part in chunk.parts or []]
    called = [part.function_call.args for part in parts if part.function_call]
    assert called == [{"city": "Kyoto"}, {"city": "x"}]
    assert [bool(part.thought_signature) for part in parts] == [True, False]


def test_gemini_structured_answer(gemini: genai.Client) -> None:
    """A response schema gets the smallest JSON that fits it."""
    schema = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=schema
    )
    answer = gemini.models.generate_content(model=GEMINI, contents="Count", config=config)
    assert answer.text == '{"n": 1}'


def test_gemini_media_in_and_out(gemini: genai.Client) -> None:
    """Sound in counts 25 tokens a second, an image out 1290, speech out as audio tokens."""
    sound = types.Part.from_bytes(data=wav(2.0), mime_type="audio/wav")
    config = types.GenerateContentConfig(response_modalities=["IMAGE", "TEXT"])
    painted = gemini.models.generate_content(
        model="gemini-2.5-flash-image", contents=[sound, "Paint it"], config=config
    )
    assert painted.parts
    assert painted.parts[-1].inline_data
    assert (painted.parts[-1].inline_data.data or b"").startswith(b"\x89PNG")
    assert painted.usage_metadata
    assert painted.usage_metadata.prompt_token_count == 53
    assert painted.usage_metadata.candidates_token_count == 1290
    speech = gemini.models.generate_content(
        model="gemini-2.5-flash-preview-tts",
        contents="[[sim:usage output=40]]",
        config=types.GenerateContentConfig(response_modalities=["AUDIO"]),
    )
    assert speech.usage_metadata
    details = speech.usage_metadata.candidates_tokens_details or []
    assert [(item.modality, item.token_count) for item in details] == [("AUDIO", 40)]


def test_gemini_count_tokens(gemini: genai.Client) -> None:
    """countTokens counts as the answer's usage would."""
    counted = gemini.models.count_tokens(model=GEMINI, contents="How many tokens?")
    assert counted.total_tokens == 5


@pytest.mark.parametrize(("model", "size"), [("text-embedding-005", 768), (None, 3072)])
def test_embeddings(gemini: genai.Client, model: str | None, size: int) -> None:
    """Both `:predict` and `:embedContent` return a vector of the model's size."""
    model = model or "gemini-embedding-2-preview"
    answer = gemini.models.embed_content(model=model, contents="sea")
    assert answer.embeddings
    assert len(answer.embeddings[0].values or []) == size


def test_imagen(gemini: genai.Client) -> None:
    """Imagen returns as many PNGs as asked for."""
    config = types.GenerateImagesConfig(number_of_images=2)
    answer = gemini.models.generate_images(
        model="imagen-4.0-generate-001", prompt="sea", config=config
    )
    pictures = [picture.image_bytes or b"" for picture in answer.images if picture]
    assert [picture[:4] for picture in pictures] == [b"\x89PNG", b"\x89PNG"]


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (500, errors.ServerError, "INTERNAL"),
    ],
)
def test_gemini_errors(
    gemini: genai.Client, status: int, kind: type[errors.APIError], name: str
) -> None:
    """google-genai raises its own classes with Google's status names."""
    with pytest.raises(kind) as caught:
        gemini.models.generate_content(model=GEMINI, contents=f"[[sim:status {status}]]")
    assert (caught.value.code, caught.value.status) == (status, name)


def test_gemini_midstream_error(gemini: genai.Client) -> None:
    """An error object inside the stream is raised after the chunks before it."""
    chunks = gemini.models.generate_content_stream(model=GEMINI, contents="[[sim:midstream 3]]")
    seen: list[str | None] = []
    with pytest.raises(errors.APIError):
        seen.extend(chunk.text for chunk in chunks)
    assert seen == ["This ", "is ", "a "]


def test_gemini_cut(gemini: genai.Client) -> None:
    """A cut connection is an httpx protocol error, after the chunks before it."""
    chunks = gemini.models.generate_content_stream(model=GEMINI, contents="[[sim:cut 3]]")
    seen: list[str | None] = []
    with pytest.raises(httpx.RemoteProtocolError):
        seen.extend(chunk.text for chunk in chunks)
    assert seen == ["This ", "is ", "a "]


def test_claude_plain(sim: Simulator, claude: AnthropicVertex) -> None:
    """rawPredict answers with Anthropic's message and usage without the cached tokens."""
    message = claude.messages.create(
        model=CLAUDE,
        max_tokens=10,
        messages=[{"role": "user", "content": f"{SPENT} [[sim:usage cache_write_1h=7]]"}],
    )
    assert message.usage.cache_creation
    assert message.usage.cache_creation.ephemeral_1h_input_tokens == 7
    spent = claude.messages.create(
        model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": SPENT}]
    ).usage
    assert (spent.input_tokens, spent.cache_read_input_tokens, spent.output_tokens) == (80, 20, 10)
    assert sim.journal()[-1]["path"].endswith(f"/publishers/anthropic/models/{CLAUDE}:rawPredict")


def test_claude_stream(claude: AnthropicVertex) -> None:
    """streamRawPredict's events assemble to the message, with the final usage."""
    with claude.messages.stream(
        model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": "Hello"}]
    ) as stream:
        assert list(stream.text_stream) == ["This ", "is ", "a ", "simulated ", "answer."]
        message = stream.get_final_message()
    assert (message.usage.input_tokens, message.usage.output_tokens) == (2, 5)


def test_claude_count_tokens(claude: AnthropicVertex) -> None:
    """count-tokens:rawPredict counts as the answer's usage would."""
    counted = claude.messages.count_tokens(
        model=CLAUDE, messages=[{"role": "user", "content": "How many tokens?"}]
    )
    assert counted.input_tokens == 5


def test_claude_midstream_error(claude: AnthropicVertex) -> None:
    """Anthropic's error event is the SDK's APIStatusError."""
    with (
        pytest.raises(anthropic.APIStatusError, match="overloaded_error"),
        claude.messages.stream(
            model=CLAUDE,
            max_tokens=10,
            messages=[{"role": "user", "content": "[[sim:midstream 2]]"}],
        ) as stream,
    ):
        stream.until_done()


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (429, anthropic.RateLimitError, {"status": "RESOURCE_EXHAUSTED", "code": 429}),
        (500, anthropic.InternalServerError, {"type": "api_error"}),
    ],
)
def test_claude_errors(
    claude: AnthropicVertex, status: int, kind: type[anthropic.APIStatusError], body: Any
) -> None:
    """A refused quota has Google's error object, a failed model Anthropic's."""
    with pytest.raises(kind) as caught:
        claude.messages.create(
            model=CLAUDE,
            max_tokens=10,
            messages=[{"role": "user", "content": f"[[sim:status {status}]]"}],
        )
    assert body.items() <= caught.value.response.json()["error"].items()


@pytest.mark.parametrize("asked", [True, False])
def test_open_models(sim: Simulator, asked: bool) -> None:
    """`endpoints/openapi` speaks OpenAI's chat; usage is streamed only when asked for."""
    with OpenAI(base_url=f"{sim.url}/v1/{PLACE}/endpoints/openapi", api_key="token") as client:
        chunks = list(
            client.chat.completions.create(
                model="meta/llama-4-maverick-17b-128e-instruct-maas",
                messages=[{"role": "user", "content": "Hello"}],
                stream=True,
                stream_options={"include_usage": asked},
            )
        )
    usage = chunks[-1].usage
    assert (usage.total_tokens if usage else None) == (7 if asked else None)


def test_mistral_sends_usage_unasked(sim: Simulator) -> None:
    """Mistral's stream carries the usage in the chunk that ends the answer."""
    path = f"/v1/{PLACE}/publishers/mistralai/models/mistral-medium-3:streamRawPredict"
    messages = [{"role": "user", "content": "Hello"}]
    body = {"model": "mistral-medium-3", "messages": messages, "stream": True}
    text = httpx.post(sim.url + path, json=body).text
    lines = [line[6:] for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    assert json.loads(lines[-2])["usage"]["total_tokens"] == 7


def test_speech_and_its_transcription(sim: Simulator) -> None:
    """Text-to-Speech returns audio; Speech-to-Text bills whole seconds of it."""
    voice = {"languageCode": "en-US"}
    request = {"input": {"text": "Hello"}, "voice": voice}
    spoken = httpx.post(f"{sim.url}/v1/text:synthesize", json=request).json()
    assert base64.b64decode(spoken["audioContent"]).startswith(b"RIFF")
    sound = {"config": {"model": "chirp_3"}, "content": base64.b64encode(wav(2.5)).decode()}
    heard = httpx.post(f"{sim.url}/v2/{PLACE}/recognizers/_:recognize", json=sound).json()
    assert heard["results"][0]["alternatives"][0]["transcript"] == "This is a simulated answer."
    assert heard["metadata"]["totalBilledDuration"] == "3s"
