"""Anthropic's Messages API, as Bedrock InvokeModel, Vertex rawPredict and Azure Foundry carry it.

Usage: `input_tokens` excludes cache reads and writes; `output_tokens` includes thinking.
"""

import json
from collections.abc import Iterator

from . import caching
from .pretend import Json, MalformedError, Prompt, Reply, Tool, Turn, count, sign, unique
from .shapes import blocks, content, inner, items, need, slices, system
from .wire import Event, Refusal

STOPS = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "refusal"}
OVERFLOW = "prompt is too long: 215001 tokens > 200000 maximum"
ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(model: str, body: Json) -> Prompt:
    """A prompt. What Anthropic's API refuses beyond its form is in `rules.claude`."""
    need(body, "messages", list, "messages: Field required")
    need(body, "max_tokens", int, "max_tokens: Field required")
    return read_for_counting(model, body)


def read_for_counting(model: str, body: Json) -> Prompt:
    messages = need(body, "messages", list, "messages: Field required")
    choice = inner(body, "tool_choice")
    return Prompt(
        model=body.get("model") or model,
        body=body,
        turns=system(content(body.get("system") or "")) + _turns(messages),
        tools=[Tool(tool["name"], inner(tool, "input_schema")) for tool in items(body, "tools")],
        forced={"any": "*", "tool": choice.get("name")}.get(choice.get("type", "")),
        schema=inner(body, "output_config", "format").get("schema"),
        thinking=inner(body, "thinking").get("type") in ("enabled", "adaptive"),
        stream=bool(body.get("stream")),
        pieces=list(caching.of_messages(body)),
    )


def _turns(messages: list[Json]) -> list[Turn]:
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise MalformedError(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        for block in blocks(message.get("content")):
            if block.get("type") == "tool_result":
                turns.append(Turn("tool", content(block.get("content"))))
            else:
                turns.append(Turn(role, block.get("text", "")))
    return turns


def usage(reply: Reply, output: int | None = None) -> Json:
    tokens = reply.usage
    report: Json = {
        "input_tokens": tokens.uncached_input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write_5m,
            "ephemeral_1h_input_tokens": tokens.cache_write_1h,
        },
        "output_tokens": tokens.output if output is None else output,
        "service_tier": "standard",
    }
    if tokens.reasoning and output is None:
        report["output_tokens_details"] = {"thinking_tokens": tokens.reasoning}
    return report


def write(prompt: Prompt, reply: Reply) -> Json:
    parts: list[Json] = []
    if reply.thinking:
        parts.append(
            {"type": "thinking", "thinking": reply.thinking, "signature": sign(reply.thinking)}
        )
    if reply.text:
        parts.append({"type": "text", "text": reply.text})
    parts += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        for call in reply.calls
    ]
    return _message(prompt, reply, parts, STOPS[reply.stop], usage(reply))


def _message(prompt: Prompt, reply: Reply, parts: list[Json], stop: str | None, used: Json) -> Json:
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": prompt.model,
        "content": parts,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": used,
    }


def stream(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    start = _message(prompt, reply, [], None, usage(reply, output=1))
    yield _event({"type": "message_start", "message": start})
    for index, (opening, deltas) in enumerate(_streamed_blocks(reply)):
        yield _event({"type": "content_block_start", "index": index, "content_block": opening})
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}, True)
        yield _event({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": STOPS[reply.stop], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": delta, "usage": usage(reply)})
    yield _event({"type": "message_stop"})


def _streamed_blocks(reply: Reply) -> Iterator[tuple[Json, list[Json]]]:
    if reply.thinking:
        yield (
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                {"type": "thinking_delta", "thinking": reply.thinking},
                {"type": "signature_delta", "signature": sign(reply.thinking)},
            ],
        )
    if reply.pieces:
        yield (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": piece} for piece in reply.pieces],
        )
    for call in reply.calls:
        yield (
            {"type": "tool_use", "id": call.id, "name": call.name, "input": {}},
            [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in slices(json.dumps(call.arguments))
            ],
        )


def _event(data: Json, is_content: bool = False) -> Event:
    return Event(data["type"], data, is_content)


def write_count(prompt: Prompt, reply: Reply) -> Json:
    return {"input_tokens": count(prompt.text)}


def refuse(status: int, message: str) -> Refusal:
    kind = ERRORS.get(status, "api_error")
    error = {"type": kind, "message": message}
    return Refusal(status, {"type": "error", "error": error, "request_id": unique("req")})


def fault(message: str) -> Event:
    error = {"type": "overloaded_error", "message": message}
    return Event("error", {"type": "error", "error": error})
