"""OpenAI's Responses API, as Azure OpenAI serves it.

Usage: `input_tokens` includes cached tokens, `output_tokens` includes reasoning.
"""

import itertools
import json
from collections.abc import Iterator, Sequence

from .pretend import Json, MalformedError, Prompt, Reply, Tool, Turn, sign, unique
from .rules.responses import ENCRYPTED
from .shapes import content, inner, items, slices, system
from .wire import Event


def read(model: str, body: Json) -> Prompt:
    """A prompt. What the API refuses beyond its form is in `rules.responses`."""
    if not body.get("input"):
        raise MalformedError("Missing required parameter: 'input'.")
    choice: str | Json | None = body.get("tool_choice")
    named = choice.get("name") if isinstance(choice, dict) else None
    functions = [tool for tool in items(body, "tools") if tool.get("type") == "function"]
    return Prompt(
        model=body.get("model") or model,
        body=body,
        turns=system(body.get("instructions") or "") + _turns(body["input"]),
        tools=[Tool(tool["name"], inner(tool, "parameters")) for tool in functions],
        forced="*" if choice == "required" else named,
        schema=inner(body, "text", "format").get("schema"),
        thinking=inner(body, "reasoning").get("effort") not in (None, "none", "minimal"),
        stream=bool(body.get("stream")),
        tier=body.get("service_tier"),
    )


def _turns(given: str | list[Json]) -> list[Turn]:
    if isinstance(given, str):
        return [Turn("user", given)]
    roles = {"user": "user", "assistant": "assistant"}
    kinds = {"function_call": "assistant", "reasoning": "assistant"}
    turns: list[Turn] = []
    for item in given:
        kind = item.get("type", "message")
        if kind == "function_call_output":
            turns.append(Turn("tool", content(item.get("output") or "")))
        else:
            role = kinds.get(kind) or roles.get(item.get("role", ""), "system")
            turns.append(Turn(role, content(item.get("content") or "")))
    return turns


def usage(reply: Reply) -> Json:
    tokens = reply.usage
    cached = {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write}
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": cached,
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def _response(prompt: Prompt, reply: Reply, status: str, output: Sequence[Json]) -> Json:
    body = prompt.body
    finished = status in ("completed", "incomplete")
    reason = {"length": "max_output_tokens", "filter": "content_filter"}.get(reply.stop)
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "model": prompt.model,
        "output": output,
        "error": None,
        "incomplete_details": {"reason": reason} if status == "incomplete" else None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "text": inner(body, "text") or {"format": {"type": "text"}},
        "service_tier": "default" if reply.tier in (None, "auto") else reply.tier,
        "usage": usage(reply) if finished else None,
    }


def _status(reply: Reply) -> str:
    return "incomplete" if reply.stop in ("length", "filter") else "completed"


def _output(prompt: Prompt, reply: Reply) -> list[Json]:
    output: list[Json] = []
    if reply.thinking:
        output.append({"type": "reasoning", "id": unique("rs")})
        output[-1]["summary"] = [{"type": "summary_text", "text": reply.thinking}]
        if ENCRYPTED in (prompt.body.get("include") or ()):
            output[-1]["encrypted_content"] = sign(reply.thinking)
    if reply.text:
        text: Json = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        output.append({"type": "message", "id": unique("msg"), "role": "assistant"})
        output[-1] |= {"status": "completed", "content": [text]}
    for call in reply.calls:
        named = {"type": "function_call", "id": unique("fc"), "call_id": call.id}
        arguments = json.dumps(call.arguments)
        output.append(named | {"name": call.name, "arguments": arguments, "status": "completed"})
    return output


def write(prompt: Prompt, reply: Reply) -> Json:
    return _response(prompt, reply, _status(reply), _output(prompt, reply))


def stream(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    numbers = itertools.count()

    def event(kind: str, is_content: bool = False, **data: object) -> Event:
        data |= {"type": f"response.{kind}", "sequence_number": next(numbers)}
        return Event(f"response.{kind}", data, is_content)

    opened = _response(prompt, reply, "in_progress", [])
    yield event("created", response=opened)
    yield event("in_progress", response=opened)
    output = _output(prompt, reply)
    for index, item in enumerate(output):
        place = {"output_index": index, "item_id": item["id"]}
        empty: Json = {"content": [], "arguments": "", "summary": []}
        begun = item | {key: value for key, value in empty.items() if key in item}
        yield event("output_item.added", output_index=index, item=begun | {"status": "in_progress"})
        for kind, is_content, data in _deltas(item, reply):
            yield event(kind, is_content, **place, **data)
        yield event("output_item.done", output_index=index, item=item)
    status = _status(reply)
    yield event(status, response=_response(prompt, reply, status, output))


def _deltas(item: Json, reply: Reply) -> Iterator[tuple[str, bool, Json]]:
    if item["type"] == "message":
        part = item["content"][0]
        at = {"content_index": 0}
        yield "content_part.added", False, {**at, "part": part | {"text": ""}}
        for piece in reply.pieces:
            yield "output_text.delta", True, {**at, "delta": piece, "logprobs": []}
        yield "output_text.done", False, {**at, "text": reply.text, "logprobs": []}
        yield "content_part.done", False, {**at, "part": part}
    if item["type"] == "function_call":
        for piece in slices(item["arguments"]):
            yield "function_call_arguments.delta", True, {"delta": piece}
        done = {"arguments": item["arguments"], "name": item["name"]}
        yield "function_call_arguments.done", False, done


def fault(message: str) -> Event:
    error = {"type": "server_error", "code": "server_error", "message": message, "param": None}
    return Event("error", {"type": "error", "sequence_number": 0, "error": error})
