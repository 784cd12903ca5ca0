"""Amazon Bedrock's Converse and ConverseStream.

Usage: `inputTokens` excludes cache reads and writes, `totalTokens` includes them; `cacheDetails`
splits the writes by their time to live. `outputTokens` includes reasoning.
"""

import json
from collections.abc import Iterator
from typing import Any

from . import caching
from .pretend import Json, MalformedError, Prompt, Reply, Tool, Turn, sign
from .shapes import content, inner, items, need, slices, system
from .wire import Event, Refusal

STOPS = {
    "end": "end_turn",
    "tools": "tool_use",
    "length": "max_tokens",
    "filter": "content_filtered",
}
OVERFLOW = "Input is too long for requested model."
ERRORS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


def read(model: str, body: Json) -> Prompt:
    """A prompt. What Converse refuses beyond its form is in `rules.converse`."""
    messages = need(body, "messages", list, "The value at messages can't be empty.")
    config = inner(body, "toolConfig")
    choice = inner(config, "toolChoice")
    specs = [inner(tool, "toolSpec") for tool in items(config, "tools") if "toolSpec" in tool]
    return Prompt(
        model=model,
        body=body,
        turns=system(content(items(body, "system"))) + _turns(messages),
        tools=[Tool(spec["name"], inner(spec, "inputSchema", "json")) for spec in specs],
        forced="*" if "any" in choice else inner(choice, "tool").get("name"),
        schema=_schema(body),
        thinking=_thinking(inner(body, "additionalModelRequestFields")),
        tier=inner(body, "serviceTier").get("type"),
        pieces=list(caching.of_converse(body)),
    )


def _thinking(extra: Json) -> bool:
    asked = inner(extra, "thinking") or inner(extra, "reasoningConfig")
    return asked.get("type") in ("enabled", "adaptive")


def _schema(body: Json) -> Any:
    schema = inner(body, "outputConfig", "textFormat", "structure", "jsonSchema").get("schema")
    return json.loads(schema) if isinstance(schema, str) else schema


def _turns(messages: list[Json]) -> list[Turn]:
    turns: list[Turn] = []
    for message in messages:
        if message.get("role") not in ("user", "assistant", "system"):
            raise MalformedError(f"Unexpected role {message.get('role')!r}.")
        for block in need(message, "content", list, "The content field in a message is empty."):
            if "toolResult" in block:
                turns.append(Turn("tool", _result(items(block["toolResult"], "content"))))
            else:
                turns.append(Turn(message["role"], block.get("text", "")))
    return turns


def _result(parts: list[Json]) -> str:
    return "".join(
        json.dumps(part["json"]) if "json" in part else part.get("text", "") for part in parts
    )


def usage(reply: Reply) -> Json:
    tokens = reply.usage
    report: Json = {
        "inputTokens": tokens.uncached_input,
        "outputTokens": tokens.output,
        "totalTokens": tokens.input + tokens.output,
        "cacheReadInputTokens": tokens.cache_read,
        "cacheWriteInputTokens": tokens.cache_write,
    }
    split = (("5m", tokens.cache_write_5m), ("1h", tokens.cache_write_1h))
    if tokens.cache_write:
        report["cacheDetails"] = [{"ttl": ttl, "inputTokens": n} for ttl, n in split if n]
    return report


def _end(reply: Reply) -> Json:
    end: Json = {"usage": usage(reply), "metrics": {"latencyMs": 1}}
    if reply.tier:
        end["serviceTier"] = {"type": reply.tier}
    return end


def write(prompt: Prompt, reply: Reply) -> Json:
    parts: list[Json] = []
    if reply.thinking:
        thought = {"text": reply.thinking, "signature": sign(reply.thinking)}
        parts.append({"reasoningContent": {"reasoningText": thought}})
    if reply.text:
        parts.append({"text": reply.text})
    parts += [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}}
        for call in reply.calls
    ]
    message = {"role": "assistant", "content": parts}
    return {"output": {"message": message}, "stopReason": STOPS[reply.stop], **_end(reply)}


def stream(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    yield Event("messageStart", {"role": "assistant"})
    for index, (opening, deltas) in enumerate(_streamed_blocks(reply)):
        place = {"contentBlockIndex": index}
        if opening:
            yield Event("contentBlockStart", {"start": opening, **place})
        for delta in deltas:
            yield Event("contentBlockDelta", {"delta": delta, **place}, content=True)
        yield Event("contentBlockStop", place)
    yield Event("messageStop", {"stopReason": STOPS[reply.stop]})
    yield Event("metadata", _end(reply))


def _streamed_blocks(reply: Reply) -> Iterator[tuple[Json, list[Json]]]:
    """Only tool blocks are announced by a contentBlockStart."""
    if reply.thinking:
        thoughts = [{"text": reply.thinking}, {"signature": sign(reply.thinking)}]
        yield {}, [{"reasoningContent": thought} for thought in thoughts]
    if reply.pieces:
        yield {}, [{"text": piece} for piece in reply.pieces]
    for call in reply.calls:
        pieces = slices(json.dumps(call.arguments))
        yield (
            {"toolUse": {"toolUseId": call.id, "name": call.name}},
            [{"toolUse": {"input": piece}} for piece in pieces],
        )


def refuse(status: int, message: str) -> Refusal:
    name = ERRORS.get(status, "InternalServerException")
    return Refusal(status, {"message": message}, {"x-amzn-errortype": f"{name}:http://internal/"})


def fault(message: str) -> Event:
    return Event("modelStreamErrorException", {"message": message, "originalStatusCode": 500})
