"""OpenAI's chat completions, as Azure OpenAI, Azure Foundry and Vertex's open models speak them.

Usage: `prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning. A stream
carries usage only when `stream_options.include_usage` asks for it (in a last chunk without
choices), but for Mistral on Vertex, which puts it into the last chunk with a choice.
"""

import json
from collections.abc import Iterator

from .pretend import Json, MalformedError, Prompt, Reply, Tool, Turn
from .shapes import content, inner, items, need, slices
from .wire import Event, Refusal

STOPS = {"end": "stop", "tools": "tool_calls", "length": "length", "filter": "content_filter"}
ROLES = {"user": "user", "assistant": "assistant", "tool": "tool", "function": "tool"}
OVERFLOW = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in"
    " 215001 tokens. Please reduce the length of the messages."
)
OVERFLOW_OF_RESPONSES = (
    "Your input exceeds the context window of this model. Please adjust your input and try again."
)
OVERFLOWS = {OVERFLOW: "messages", OVERFLOW_OF_RESPONSES: "input"}
SAFE = {"hate": {"filtered": False, "severity": "safe"}}


def read(model: str, body: Json) -> Prompt:
    """A prompt. What the API refuses beyond its form is in `rules.chat`."""
    messages = need(body, "messages", list, "Missing required parameter: 'messages'.")
    choice: str | Json | None = body.get("tool_choice")
    functions = [inner(tool, "function") for tool in items(body, "tools") if "function" in tool]
    return Prompt(
        model=model or body.get("model", ""),
        body=body,
        turns=[_turn(index, message) for index, message in enumerate(messages)],
        tools=[Tool(f["name"], inner(f, "parameters")) for f in functions],
        forced="*" if choice == "required" else _named(choice),
        schema=inner(body, "response_format", "json_schema").get("schema"),
        thinking=body.get("reasoning_effort") not in (None, "none", "minimal"),
        stream=bool(body.get("stream")),
        tier=body.get("service_tier"),
    )


def _named(choice: str | Json | None) -> str | None:
    return inner(choice, "function").get("name") if isinstance(choice, dict) else None


def _turn(index: int, message: Json) -> Turn:
    role = message.get("role")
    if role not in ROLES and role not in ("system", "developer"):
        raise MalformedError(f"Invalid value: {role!r}. Param 'messages[{index}].role'.")
    return Turn(ROLES.get(role, "system"), content(message.get("content") or ""))


def usage(reply: Reply) -> Json:
    tokens = reply.usage
    prompt_details = {"cached_tokens": tokens.cache_read, "audio_tokens": tokens.audio_input}
    if tokens.cache_write:
        prompt_details["cache_write_tokens"] = tokens.cache_write
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": tokens.audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _frame(prompt: Prompt, reply: Reply, kind: str, choices: list[Json]) -> Json:
    frame: Json = {
        "id": f"chatcmpl-{reply.id}",
        "object": kind,
        "created": reply.created,
        "model": prompt.model,
        "system_fingerprint": "fp_simulated",
        "choices": choices,
    }
    tier = "default" if reply.tier == "auto" else reply.tier
    return frame | ({"service_tier": tier} if tier else {})


def _calls(reply: Reply) -> list[Json]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for call in reply.calls
    ]


def write(prompt: Prompt, reply: Reply) -> Json:
    message: Json = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.calls:
        message["tool_calls"] = _calls(reply)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": STOPS[reply.stop]}
    return _frame(prompt, reply, "chat.completion", [choice]) | {"usage": usage(reply)}


def stream(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    asked = bool(inner(prompt.body, "stream_options").get("include_usage"))
    blank: Json = {"usage": None} if asked else {}

    def chunk(delta: Json, stop: str | None = None, is_content: bool = False) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": stop}
        frame = _frame(prompt, reply, "chat.completion.chunk", [choice])
        return Event("", frame | blank, is_content)

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in reply.pieces:
        yield chunk({"content": piece}, is_content=True)
    for index, call in enumerate(_calls(reply)):
        arguments = call["function"]["arguments"]
        opening = call | {"index": index, "function": call["function"] | {"arguments": ""}}
        yield chunk({"tool_calls": [opening]})
        for piece in slices(arguments):
            part = {"index": index, "function": {"arguments": piece}}
            yield chunk({"tool_calls": [part]}, is_content=True)
    yield chunk({}, STOPS[reply.stop])
    if asked:
        frame = _frame(prompt, reply, "chat.completion.chunk", [])
        yield Event("", frame | {"usage": usage(reply)})
    yield Event("", "[DONE]")


def azure_stream(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    """Azure's stream opens with a chunk that has no choices, only the prompt's filter results."""
    results = [{"prompt_index": 0, "content_filter_results": SAFE}]
    empty: Json = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    yield Event("", empty | {"prompt_filter_results": results})
    yield from stream(prompt, reply)


def mistral_stream(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    """Mistral sends the usage unasked, in the chunk that carries the finish reason."""
    for event in stream(prompt, reply):
        if isinstance(event.data, str):
            yield event
        elif event.data["choices"]:
            ends = event.data["choices"][0]["finish_reason"]
            yield Event("", {**event.data, "usage": usage(reply)} if ends else event.data, not ends)


def refuse(status: int, message: str) -> Refusal:
    """The error object of OpenAI's API and of Azure's gateway in front of it (429, 401, 404)."""
    if status in (401, 404, 429):
        code = {401: "401", 404: "DeploymentNotFound", 429: "429"}[status]
        return Refusal(status, {"error": {"code": code, "message": message}})
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": None, "code": None}
    if message in OVERFLOWS:
        error |= {"param": OVERFLOWS[message], "code": "context_length_exceeded"}
    return Refusal(status, {"error": error})


def fault(message: str) -> Event:
    error = {"message": message, "type": "server_error", "param": None, "code": "server_error"}
    return Event("", {"error": error})
