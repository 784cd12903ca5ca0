"""openai.AzureOpenAI and anthropic take the Azure simulator for the real thing."""

import base64
from collections.abc import Iterator

import anthropic
import httpx
import openai
import pytest
from openai import AzureOpenAI, OpenAI
from openai.types.chat import ChatCompletionToolParam
from openai.types.responses import FunctionToolParam

from .simulators import Simulator
from .simulators.media import wav

SPENT = "[[sim:usage input=100 output=10 cache_read=20 reasoning=4 audio_input=3]]"
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """One simulator for the whole file."""
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def azure(sim: Simulator) -> Iterator[AzureOpenAI]:
    """A client that never retries."""
    with AzureOpenAI(
        azure_endpoint=sim.url, api_key="simulated", api_version="2024-10-21", max_retries=0
    ) as client:
        yield client


def test_chat(sim: Simulator, azure: AzureOpenAI) -> None:
    """A plain chat answer comes from the deployment's path, with deterministic usage."""
    answer = azure.chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "Hello, who are you?"}]
    )
    assert answer.choices[0].message.content == "This is a simulated answer."
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 5)
    entry = sim.journal()[-1]
    assert entry["path"] == "/openai/deployments/gpt-4.1/chat/completions"
    assert entry["query"] == {"api-version": "2024-10-21"}
    assert entry["headers"]["api-key"] == "<hidden>"


def test_chat_usage_semantics(azure: AzureOpenAI) -> None:
    """`prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning."""
    used = azure.chat.completions.create(
        model="gpt-5", messages=[{"role": "user", "content": SPENT}]
    ).usage
    assert used
    assert used.model_dump(exclude_none=True) == {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "prompt_tokens_details": {"cached_tokens": 20, "audio_tokens": 3},
        "completion_tokens_details": {
            "reasoning_tokens": 4,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


@pytest.mark.parametrize("asked", [True, False])
def test_chat_stream_tells_usage_only_when_asked(azure: AzureOpenAI, asked: bool) -> None:
    """Azure opens with a chunk without choices, and counts in a last one only when asked to."""
    chunks = list(
        azure.chat.completions.create(
            model="gpt-4.1",
            messages=[{"role": "user", "content": "Hello"}],
            stream=True,
            stream_options={"include_usage": True} if asked else openai.omit,
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "This is a simulated answer."
    assert chunks[0].choices == []
    totals = [c.usage.total_tokens for c in chunks if c.usage]
    assert totals == ([7] if asked else [])


def test_chat_streams_tool_calls(azure: AzureOpenAI) -> None:
    """The SDK's stream helper assembles two parallel calls from their argument pieces."""
    with azure.chat.completions.stream(
        model="gpt-4.1",
        messages=[{"role": "user", "content": '[[sim:tool get_weather={"city": "Kyoto"}]]'}],
        tools=[WEATHER],
    ) as stream:
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    assert choice.message.tool_calls[0].function.arguments == '{"city": "Kyoto"}'


@pytest.mark.parametrize("v1", [False, True])
def test_responses(sim: Simulator, azure: AzureOpenAI, v1: bool) -> None:
    """The Responses API answers at both of Azure's paths, with its own usage object."""
    v1_client = OpenAI(base_url=f"{sim.url}/openai/v1", api_key="simulated")
    with v1_client:
        client: OpenAI = v1_client if v1 else azure
        answer = client.responses.create(model="gpt-5", input=SPENT)
    assert answer.output_text == "This is a simulated answer."
    assert answer.usage
    assert answer.usage.model_dump() == {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 110,
    }
    path = "/openai/v1/responses" if v1 else "/openai/responses"
    assert sim.journal()[-1]["path"] == path


def test_responses_stream(azure: AzureOpenAI) -> None:
    """Streamed events assemble to the response: a reasoning item, then a tool call."""
    tool = FunctionToolParam(type="function", name="get_weather", parameters={}, strict=False)
    with azure.responses.stream(
        model="gpt-5",
        input='[[sim:tool get_weather={"city": "Kyoto"}]]',
        tools=[tool],
        reasoning={"effort": "low"},
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.function_call_arguments.delta") == 3
    assert [item.type for item in final.output] == ["reasoning", "function_call"]
    assert final.usage
    assert final.usage.output_tokens == 13


def test_responses_tool_result_and_stop(azure: AzureOpenAI) -> None:
    """A tool's output comes back in the answer; a length stop makes it incomplete."""
    answer = azure.responses.create(
        model="gpt-5",
        input=[
            {"role": "user", "content": "Weather?"},
            {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "22 degrees"},
        ],
    )
    assert answer.output_text == "Tool result: 22 degrees"
    stopped = azure.responses.create(model="gpt-5", input="[[sim:stop length]]")
    assert stopped.status == "incomplete"
    assert stopped.incomplete_details
    assert stopped.incomplete_details.reason == "max_output_tokens"


def test_embeddings(azure: AzureOpenAI) -> None:
    """Embeddings come packed in base64, as the SDK asks, and count their tokens."""
    answer = azure.embeddings.create(model="text-embedding-3-small", input=["twelve chars"])
    assert len(answer.data[0].embedding) == 1536
    assert answer.usage.prompt_tokens == 4


def test_images(azure: AzureOpenAI) -> None:
    """GPT image models count tokens, 1056 a picture; edits take an upload."""
    made = azure.images.generate(model="gpt-image-1", prompt="twelve chars", n=2)
    assert base64.b64decode((made.data or [])[1].b64_json or "").startswith(b"\x89PNG")
    assert made.usage
    assert (made.usage.input_tokens, made.usage.output_tokens) == (4, 2112)
    picture = ("sea.png", b"not looked at", "image/png")
    edited = azure.images.edit(model="gpt-image-1", image=picture, prompt="brighter")
    assert len(edited.data or []) == 1


def test_transcription(azure: AzureOpenAI) -> None:
    """Whisper tells seconds, a transcribe model tokens; a directive may hide in the file."""
    whisper = azure.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(2.5)))
    assert whisper.usage
    assert whisper.usage.model_dump() == {"type": "duration", "seconds": 3.0}
    sound = wav(2.5) + b"[[sim:text Good day]]"
    modern = azure.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", sound))
    assert modern.text == "Good day"
    assert modern.usage
    assert modern.usage.type == "tokens"
    assert (modern.usage.input_tokens, modern.usage.output_tokens) == (30, 2)


def test_speech(azure: AzureOpenAI) -> None:
    """Speech is audio bytes."""
    spoken = azure.audio.speech.create(model="tts", voice="alloy", input="Hello")
    assert spoken.content.startswith(b"RIFF")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_errors(azure: AzureOpenAI, status: int, kind: type[openai.APIStatusError]) -> None:
    """The SDK raises its own class for each status."""
    with pytest.raises(kind, match="please leave"):
        azure.chat.completions.create(
            model="gpt-4.1",
            messages=[
                {"role": "user", "content": f'[[sim:status {status} message="please leave"]]'}
            ],
        )


def test_queued_failure_then_success(sim: Simulator) -> None:
    """A queued 429 with Retry-After is taken by the first attempt, the SDK's retry succeeds."""
    sim.clear()
    sim.script({"status": 429, "retry_after": 0.01}, {})
    with AzureOpenAI(azure_endpoint=sim.url, api_key="k", api_version="2024-10-21") as client:
        answer = client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "Hello"}]
        )
    assert answer.choices[0].message.content == "This is a simulated answer."
    assert [entry["status"] for entry in sim.journal()] == [429, 200]


def test_midstream_error(azure: AzureOpenAI) -> None:
    """An error object in the stream is the SDK's APIError, in chat and in responses."""
    chat = azure.chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "[[sim:midstream 2]]"}], stream=True
    )
    with pytest.raises(openai.APIError, match="mid-stream"):
        list(chat)
    events = azure.responses.create(model="gpt-5", input="[[sim:midstream 2]]", stream=True)
    with pytest.raises(openai.APIError, match="mid-stream"):
        list(events)


def test_cut_connection(azure: AzureOpenAI) -> None:
    """A cut stream and a cut plain answer are errors, never a silent end."""
    stream = azure.chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "[[sim:cut 2]]"}], stream=True
    )
    seen: list[str | None] = []
    with pytest.raises(Exception, match="incomplete chunked read"):
        seen.extend(choice.delta.content for chunk in stream for choice in chunk.choices)
    assert seen == ["", "This ", "is "]
    for cut in (0, 1):
        with pytest.raises(openai.APIConnectionError):
            azure.chat.completions.create(
                model="gpt-4.1", messages=[{"role": "user", "content": f"[[sim:cut {cut}]]"}]
            )


def test_foundry_claude(sim: Simulator) -> None:
    """Claude on Foundry speaks Anthropic's own API and errors."""
    with anthropic.Anthropic(
        base_url=f"{sim.url}/anthropic", api_key="simulated", max_retries=0
    ) as client:
        message = client.messages.create(
            model="claude-sonnet-4-6", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        )
        counted = client.messages.count_tokens(
            model="claude-sonnet-4-6", messages=[{"role": "user", "content": "Hi"}]
        )
        with pytest.raises(anthropic.RateLimitError, match="rate_limit_error"):
            client.messages.create(
                model="claude-sonnet-4-6",
                max_tokens=9,
                messages=[{"role": "user", "content": "[[sim:status 429]]"}],
            )
    assert (message.usage.input_tokens, counted.input_tokens) == (1, 1)


def test_foundry_rerank(sim: Simulator) -> None:
    """Cohere's rerank bills one search unit for up to 100 documents."""
    body = {"model": "cohere-rerank-v4", "query": "blue sea", "documents": ["red", "blue sea"]}
    answer = httpx.post(f"{sim.url}/providers/cohere/v2/rerank", json=body).json()
    assert answer["results"][0] == {"index": 1, "relevance_score": 1.0}
    assert answer["meta"]["billed_units"] == {"search_units": 1}
