# pyright: basic, reportMissingTypeStubs=false
# (boto3 has no types of its own)
"""boto3 and AnthropicBedrock take what the Bedrock simulator sends for the real thing."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import anthropic
import boto3
import pytest
from anthropic.lib.bedrock import AnthropicBedrock
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from urllib3.exceptions import ProtocolError

from .simulators import Simulator

CLAUDE = "us.anthropic.claude-sonnet-4-6"
KEYS = {"aws_access_key_id": "AKIASIMULATED", "aws_secret_access_key": "simulated"}
SPENT = (
    "[[sim:usage input=100 output=10 cache_read=20 cache_write_5m=30 cache_write_1h=5 reasoning=4]]"
)
RERANK_ARN = "arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """One simulator for the whole file."""
    with Simulator.start() as simulator:
        yield simulator


def client(sim: Simulator, service: str = "bedrock-runtime") -> Any:
    """A boto3 client that never retries."""
    once = Config(retries={"total_max_attempts": 1})
    place = {"region_name": "us-east-1", "endpoint_url": sim.url}
    return boto3.client(service, config=once, **place, **KEYS)


def said(text: str) -> list[dict[str, Any]]:
    """Converse messages of one user turn."""
    return [{"role": "user", "content": [{"text": text}]}]


def claude_body(text: str) -> str:
    """An InvokeModel body of one user turn for Claude."""
    messages = [{"role": "user", "content": text}]
    version = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100}
    return json.dumps({**version, "messages": messages})


def invoke(sim: Simulator, model: str, body: dict[str, Any]) -> dict[str, Any]:
    """The decoded answer of InvokeModel."""
    response = client(sim).invoke_model(modelId=model, body=json.dumps(body))
    answer: dict[str, Any] = json.load(response["body"])
    return answer


WEATHER = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "inputSchema": {
                    "json": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                        "required": ["city", "days"],
                    }
                },
            }
        }
    ]
}


def test_converse_answers_with_deterministic_usage(sim: Simulator) -> None:
    """A plain Converse answer has the fixed text and the documented token counts."""
    answer = client(sim).converse(modelId=CLAUDE, messages=said("Hello, who are you?"))
    assert answer["output"]["message"]["content"] == [{"text": "This is a simulated answer."}]
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {
        "inputTokens": 5,
        "outputTokens": 5,
        "totalTokens": 10,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    }


def test_converse_usage_excludes_the_cache(sim: Simulator) -> None:
    """`inputTokens` leaves out cache reads and writes; `cacheDetails` splits the writes by TTL."""
    answer = client(sim).converse(modelId=CLAUDE, messages=said(SPENT))
    assert answer["usage"] == {
        "inputTokens": 45,
        "outputTokens": 10,
        "totalTokens": 110,
        "cacheReadInputTokens": 20,
        "cacheWriteInputTokens": 35,
        "cacheDetails": [{"ttl": "5m", "inputTokens": 30}, {"ttl": "1h", "inputTokens": 5}],
    }
    assert "reasoningContent" in answer["output"]["message"]["content"][0]


def test_converse_echoes_the_service_tier(sim: Simulator) -> None:
    """The tier that was asked for is the tier that served."""
    answer = client(sim).converse(
        modelId=CLAUDE, messages=said("Hi"), serviceTier={"type": "priority"}
    )
    assert answer["serviceTier"] == {"type": "priority"}


def test_converse_tool_turns(sim: Simulator) -> None:
    """A tool call goes out with its arguments, and its result comes back in the next answer."""
    prompt = said('[[sim:tool get_weather={"city": "Kyoto", "list": [[1]]}]]')
    answer = client(sim).converse(modelId=CLAUDE, messages=prompt, toolConfig=WEATHER)
    use = answer["output"]["message"]["content"][0]["toolUse"]
    assert answer["stopReason"] == "tool_use"
    assert (use["name"], use["input"]) == ("get_weather", {"city": "Kyoto", "list": [[1]]})
    result = {"toolUseId": use["toolUseId"], "content": [{"text": "22 degrees"}]}
    turns = [
        *prompt,
        answer["output"]["message"],
        {"role": "user", "content": [{"toolResult": result}]},
    ]
    second = client(sim).converse(modelId=CLAUDE, messages=turns, toolConfig=WEATHER)
    assert second["output"]["message"]["content"] == [{"text": "Tool result: 22 degrees"}]


def test_converse_forced_tool(sim: Simulator) -> None:
    """A forced tool is called without any directive, with the smallest valid arguments."""
    forced = {**WEATHER, "toolChoice": {"tool": {"name": "get_weather"}}}
    answer = client(sim).converse(modelId=CLAUDE, messages=said("Hi"), toolConfig=forced)
    use = answer["output"]["message"]["content"][0]["toolUse"]
    assert use["input"] == {"city": "x", "days": 1}


def test_converse_stream(sim: Simulator) -> None:
    """The binary event stream parses; its last event carries the usage."""
    events = list(client(sim).converse_stream(modelId=CLAUDE, messages=said("Hi there"))["stream"])
    deltas = [e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e]
    assert deltas == ["This ", "is ", "a ", "simulated ", "answer."]
    assert [next(iter(e)) for e in events][-2:] == ["messageStop", "metadata"]
    assert events[-1]["metadata"]["usage"]["inputTokens"] == 3
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 5


def test_converse_stream_parallel_tools(sim: Simulator) -> None:
    """Streamed tool arguments, put together by block, are the JSON of each call."""
    stream = client(sim).converse_stream(
        modelId=CLAUDE, messages=said("[[sim:tools 2]]"), toolConfig=WEATHER
    )["stream"]
    arguments: dict[int, str] = {}
    for event in stream:
        if "contentBlockDelta" in event:
            block = event["contentBlockDelta"]
            index = block["contentBlockIndex"]
            arguments[index] = arguments.get(index, "") + block["delta"]["toolUse"]["input"]
    assert [json.loads(text) for text in arguments.values()] == [{"city": "x", "days": 1}] * 2


def test_midstream_error(sim: Simulator) -> None:
    """A failure inside the event stream is boto3's EventStreamError, after three chunks."""
    stream = client(sim).converse_stream(modelId=CLAUDE, messages=said("[[sim:midstream 3]]"))
    seen: list[Any] = []
    failure = pytest.raises(EventStreamError, match="modelStreamErrorException")
    with closing(stream["stream"]) as events, failure:
        seen.extend(event for event in events if "contentBlockDelta" in event)
    assert len(seen) == 3


def test_cut_stream(sim: Simulator) -> None:
    """A connection cut after three chunks is a protocol error, not a silent end."""
    stream = client(sim).converse_stream(modelId=CLAUDE, messages=said("[[sim:cut 3]]"))
    seen: list[Any] = []
    with closing(stream["stream"]) as events, pytest.raises(ProtocolError):
        seen.extend(event for event in events if "contentBlockDelta" in event)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_errors_are_typed(sim: Simulator, status: int, code: str) -> None:
    """boto3 raises the service's own exception class for each status."""
    bedrock = client(sim)
    with pytest.raises(getattr(bedrock.exceptions, code)) as caught:
        bedrock.converse(modelId=CLAUDE, messages=said(f"[[sim:status {status}]]"))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_malformed_is_a_validation_error(sim: Simulator) -> None:
    """A body that breaks the API's shape is refused natively."""
    with pytest.raises(ClientError, match="ValidationException"):
        client(sim).invoke_model(modelId=CLAUDE, body="{}")


def test_invoke_claude(sim: Simulator) -> None:
    """InvokeModel carries Anthropic's message and its usage, without the cached tokens."""
    response = client(sim).invoke_model(modelId=CLAUDE, body=claude_body(SPENT))
    answer = json.load(response["body"])
    assert answer["usage"] == {
        "input_tokens": 45,
        "cache_creation_input_tokens": 35,
        "cache_read_input_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 5},
        "output_tokens": 10,
        "service_tier": "standard",
        "output_tokens_details": {"thinking_tokens": 4},
    }
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == "45"
    assert headers["x-amzn-bedrock-cache-read-input-token-count"] == "20"


def test_invoke_claude_stream(sim: Simulator) -> None:
    """InvokeModelWithResponseStream wraps Anthropic's events and adds Bedrock's metrics."""
    response = client(sim).invoke_model_with_response_stream(
        modelId=CLAUDE, body=claude_body("[[sim:chunks 3]]")
    )
    events = [json.loads(event["chunk"]["bytes"]) for event in response["body"]]
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 3


def test_anthropic_sdk_streams_tools(sim: Simulator) -> None:
    """AnthropicBedrock assembles thinking and a streamed tool call from the chunks."""
    bedrock = AnthropicBedrock(
        base_url=sim.url, aws_region="us-east-1", aws_access_key="AKIASIM", aws_secret_key="s"
    )
    with (
        bedrock,
        bedrock.messages.stream(
            model=CLAUDE,
            max_tokens=2000,
            thinking={"type": "enabled", "budget_tokens": 1024},
            tools=[{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
            messages=[{"role": "user", "content": '[[sim:tool look={"at": "sea"}]]'}],
        ) as stream,
    ):
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "tool_use"]
    assert message.content[1].model_dump()["input"] == {"at": "sea"}
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens == 13


def test_anthropic_sdk_sees_its_own_errors(sim: Simulator) -> None:
    """AnthropicBedrock raises RateLimitError for a Bedrock 429 and says when to come back."""
    bedrock = AnthropicBedrock(
        base_url=sim.url,
        aws_region="us-east-1",
        aws_access_key="AKIASIM",
        aws_secret_key="s",
        max_retries=0,
    )
    with bedrock, pytest.raises(anthropic.RateLimitError) as caught:
        bedrock.messages.create(
            model=CLAUDE,
            max_tokens=10,
            messages=[{"role": "user", "content": "[[sim:status 429 retry_after=2]]"}],
        )
    assert caught.value.response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    "given",
    [
        {"converse": {"messages": said("How many tokens?")}},
        {"invokeModel": {"body": claude_body("How many tokens?").encode()}},
    ],
)
def test_count_tokens(sim: Simulator, given: dict[str, Any]) -> None:
    """CountTokens counts as the answer's usage would, for both kinds of input."""
    assert (
        client(sim).count_tokens(modelId="anthropic.claude-sonnet-4-6", input=given)["inputTokens"]
        == 5
    )


def test_titan_embedding(sim: Simulator) -> None:
    """Titan returns a vector of the wanted size, the same for the same text, and its tokens."""
    body = {"inputText": "twelve chars", "dimensions": 256}
    first = invoke(sim, "amazon.titan-embed-text-v2:0", body)
    assert first["inputTextTokenCount"] == 4
    assert len(first["embedding"]) == 256
    assert first == invoke(sim, "amazon.titan-embed-text-v2:0", body)


def test_cohere_embedding(sim: Simulator) -> None:
    """Cohere returns one vector per text, plain or by type."""
    body = {"texts": ["a", "b"], "input_type": "search_document"}
    plain = invoke(sim, "cohere.embed-multilingual-v3", body)
    typed = invoke(sim, "cohere.embed-v4:0", {**body, "embedding_types": ["float"]})
    assert [len(vector) for vector in plain["embeddings"]] == [1024, 1024]
    assert [len(vector) for vector in typed["embeddings"]["float"]] == [1536, 1536]


def test_nova_embedding(sim: Simulator) -> None:
    """Nova's multimodal embeddings answer for a text."""
    params = {"embeddingDimension": 384, "text": {"truncationMode": "END", "value": "sea"}}
    body = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}
    answer = invoke(sim, "amazon.nova-2-multimodal-embeddings-v1:0", body)
    assert len(answer["embeddings"][0]["embedding"]) == 384


@pytest.mark.parametrize(
    ("model", "body", "images"),
    [
        (
            "amazon.nova-canvas-v1:0",
            {
                "taskType": "TEXT_IMAGE",
                "textToImageParams": {"text": "sea"},
                "imageGenerationConfig": {"numberOfImages": 2},
            },
            2,
        ),
        (
            "amazon.titan-image-generator-v2:0",
            {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "sea"}},
            1,
        ),
        ("stability.stable-image-core-v1:1", {"prompt": "sea"}, 1),
    ],
)
def test_images(sim: Simulator, model: str, body: dict[str, Any], images: int) -> None:
    """Image models return as many PNGs as asked for."""
    answer = invoke(sim, model, body)
    assert len(answer["images"]) == images
    assert base64.b64decode(answer["images"][0]).startswith(b"\x89PNG")


def rerank(sim: Simulator, model: str, documents: list[str]) -> list[tuple[int, float]]:
    """(index, score) of the two documents that answer "blue sea" best."""
    sources = [
        {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
        for text in documents
    ]
    answer = client(sim, "bedrock-agent-runtime").rerank(
        queries=[{"type": "TEXT", "textQuery": {"text": "blue sea"}}],
        sources=sources,
        rerankingConfiguration={
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {"modelArn": model},
                "numberOfResults": 2,
            },
        },
    )
    return [(result["index"], result["relevanceScore"]) for result in answer["results"]]


def test_rerank(sim: Simulator) -> None:
    """The agent runtime's Rerank orders documents by the share of the query's words in them."""
    documents = ["a red car", "the blue sea", "blue sky"]
    assert rerank(sim, RERANK_ARN, documents) == [(1, 1.0), (2, 0.5)]


def test_rerank_refuses_a_plain_model_id(sim: Simulator) -> None:
    """Rerank wants an ARN, as AWS does; LiteLLM passes a plain id on as it is."""
    with pytest.raises(ClientError, match="The provided model ARN for reranking is invalid"):
        rerank(sim, "amazon.rerank-v1:0", ["sea"])
