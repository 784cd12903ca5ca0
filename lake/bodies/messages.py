"""Prompts and answers of every API as messages of OpenTelemetry's GenAI schema.

A message is `{"role", "parts"}`, an answer has its `finish_reason`, too
(https://opentelemetry.io/docs/specs/semconv/gen-ai/, JSON schemas of input and output messages,
read 2026-11-21). Nothing that was said is left out; what the schema has no name for keeps its own.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ...untyped import mapping, sequence
from . import google, mcp, media
from .media import Json
from .parts import (
    arguments,
    part,
    parts,
    text,
    tool_call,
    tool_response,
    with_rest,
    without,
)

# What of a request is said to the model; all the rest are parameters.
_SAID: Mapping[str, tuple[str, ...]] = {
    "chat": ("messages",),
    "messages": ("system", "messages"),
    "count_tokens": ("system", "messages", "systemInstruction", "contents"),
    "generate_content": ("systemInstruction", "contents"),
    "responses": ("instructions", "input"),
    "completions": ("prompt", "suffix"),
    "embeddings": ("input",),
    "rerank": ("query", "documents"),
    "image_generation": ("prompt",),
    "image_edit": ("prompt", "image", "mask"),
    "transcription": ("prompt",),
    "speech": ("instructions", "input"),
    "mcp_tool_call": ("params",),
    "mcp_prompt_get": ("params",),
    "mcp_resource_read": ("params",),
}
# Their input is texts, or pictures to measure, and no conversation.
_PLAIN = frozenset({"embeddings"})
_ANY = ("system", "instructions", "messages", "input", "prompt")

# Of an answer's message: LiteLLM's doubles of other fields.
_DOUBLES = ("provider_specific_fields", "thinking_blocks")


def said_in(operation: str) -> tuple[str, ...]:
    """The fields of a request that are said to the model."""
    return _SAID.get(operation, _ANY)


def asked(operation: str, body: Json) -> list[Json]:
    """The messages of a request."""
    found: list[Json] = []
    for field in said_in(operation):
        if (said := body.get(field)) is not None:
            read = _user if operation in _PLAIN else _READERS.get(field, _user)
            found += read(said)
    return found


def parameters(operation: str, body: Json) -> Json:
    """Everything else of a request."""
    said = said_in(operation)
    return {name: value for name, value in body.items() if name not in said}


def _system(said: Any) -> list[Json]:
    return [{"role": "system", "parts": parts(said)}]


def _user(said: Any) -> list[Json]:
    return [{"role": "user", "parts": _tokens(said) or parts(said)}]


def _tokens(said: Any) -> list[Json] | None:
    """Texts that come as numbers of tokens (embeddings)."""
    first = said[0] if isinstance(said, list) and said else None
    if isinstance(first, list) and all(isinstance(number, int) for number in sequence(first)):
        return [{"type": "tokens", "content": item} for item in sequence(said)]
    return [{"type": "tokens", "content": said}] if isinstance(first, int) else None


def _documents(said: Any) -> list[Json]:
    listed = sequence(said) if isinstance(said, list) else [said]
    return [{"role": "user", "parts": [{"type": "document", "content": item} for item in listed]}]


def _messages(said: Any) -> list[Json]:
    if not isinstance(said, list):
        return _user(said)
    return [_message(item) for item in sequence(said)]


def _input(said: Any) -> list[Json]:
    """The input of responses; other APIs' inputs are texts, or lists of them."""
    if not isinstance(said, list) or not any(isinstance(item, dict) for item in sequence(said)):
        return _user(said)
    return [_item(item) for item in sequence(said)]


_READERS: Mapping[str, Callable[[Any], list[Json]]] = {
    "system": _system,
    "instructions": _system,
    "messages": _messages,
    "input": _input,
    "documents": _documents,
    "systemInstruction": google.system,
    "contents": google.contents,
    "params": mcp.call,
}


def _message(item: Any) -> Json:
    """A message of a chat, OpenAI's or Anthropic's."""
    if not isinstance(item, dict):
        return {"role": "user", "parts": [part(item)]}
    given = mapping(item)
    role, content = given.get("role"), given.get("content")
    if role == "tool" or (role == "function" and "tool_calls" not in given):
        rest = without(given, "role", "content", "tool_call_id")
        return {"role": role, "parts": [tool_response(given.get("tool_call_id"), content, rest)]}
    if len(given) == 2 and "content" in given and "role" in given:  # nearly all of them
        return {"role": role, "parts": parts(content)}
    found = parts(content)
    for field in ("reasoning_content", "reasoning"):
        if isinstance(given.get(field), str) and given[field]:
            found.insert(0, {"type": "reasoning", "content": given[field]})
            given = {name: value for name, value in given.items() if name != field}
    if isinstance(given.get("refusal"), str) and given["refusal"]:
        found.append({"type": "refusal", "content": given["refusal"]})
        given = {name: value for name, value in given.items() if name != "refusal"}
    calls = given.get("tool_calls")
    if isinstance(calls, list):
        found += [tool_call(c) if isinstance(c, dict) else part(c) for c in sequence(calls)]
        given = {name: value for name, value in given.items() if name != "tool_calls"}
    legacy = mapping(given.get("function_call"))
    if legacy:
        found.append(tool_call({"function": legacy}))
        given = {name: value for name, value in given.items() if name != "function_call"}
    return with_rest({"role": role, "parts": found}, without(given, "role", "content"))


def _item(item: Any) -> Json:
    """An item of the input or output of responses."""
    if not isinstance(item, dict):
        return {"role": "user", "parts": [part(item)]}
    given = mapping(item)
    kind = given.get("type")
    if kind == "message" or (kind is None and "role" in given):
        return _message(without(given, "type") | {"content": given.get("content")})
    role = "tool" if isinstance(kind, str) and kind.endswith("_output") else "assistant"
    if kind == "message" or kind in _INPUT_PARTS:
        role = "user"
    return {"role": role, "parts": _item_parts(given)}


_INPUT_PARTS = frozenset({"input_text", "input_image", "input_file", "input_audio", "text"})


def _item_parts(item: Json) -> list[Json]:
    """The parts of an item that is no message."""
    match item.get("type"):
        case "function_call" | "custom_tool_call":
            field = "arguments" if item["type"] == "function_call" else "input"
            found = {
                "type": "tool_call",
                "id": item.get("call_id"),
                "name": item.get("name"),
                "arguments": arguments(item.get(field)),
            }
            rest = without(item, "type", "call_id", "name", field)
            if "id" in rest:
                rest["item_id"] = rest.pop("id")
            return [with_rest(found, rest)]
        case "function_call_output" | "custom_tool_call_output":
            rest = without(item, "type", "call_id", "output")
            return [tool_response(item.get("call_id"), item.get("output"), rest)]
        case "reasoning":
            texts = [mapping(t) for n in ("summary", "content") for t in sequence(item.get(n))]
            if all(isinstance(t.get("text"), str) for t in texts):
                rest = without(item, "type", "summary", "content")
                thoughts: list[Json] = [{"type": "reasoning", "content": t["text"]} for t in texts]
                last = thoughts[-1:]
                return [*thoughts[:-1], with_rest(last[0], rest)] if last else [part(item)]
            return [part(item)]
        case _:
            return [part(item)]


def answered(operation: str, body: Json) -> list[Json]:
    """The messages of an answer, whole or gathered from a stream."""
    if isinstance(body.get("choices"), list):
        return [_choice(mapping(choice)) for choice in sequence(body["choices"])]
    if operation == "generate_content":
        return google.candidates(body)
    if operation == "messages" and "content" in body:
        return [_output(parts(body["content"]), body.get("stop_reason"))]
    if isinstance(body.get("output"), list):
        found = [one for item in sequence(body["output"]) for one in _output_parts(item)]
        return [_output(found, body.get("status"))]
    convert = _ANSWERS.get(operation)
    told = convert(body) if convert is not None else None
    return [_output(told or [with_rest({"type": "answer"}, body)], None)]


def _output(found: list[Json], reason: Any) -> Json:
    return {"role": "assistant", "parts": found, "finish_reason": reason}


def _choice(choice: Json) -> Json:
    """One choice of a chat, or of a legacy completion."""
    given = mapping(choice.get("message"))
    if isinstance(choice.get("text"), str):
        given = {**given, "text": choice["text"]}
    message = _message(without({"role": "assistant", **given}, *_DOUBLES, "images", "text"))
    if isinstance(given.get("text"), str):
        message["parts"].append(text(given["text"]))
    message["parts"] += [part(picture) for picture in sequence(given.get("images"))]
    return {**message, "finish_reason": choice.get("finish_reason")}


def _output_parts(item: Any) -> list[Json]:
    given = mapping(item)
    if given.get("type") == "message":
        return parts(given.get("content"))
    return _item_parts(given)


def _embeddings(body: Json) -> list[Json] | None:
    told = mapping(body.get("embeddings"))
    return [{"type": "embeddings", **told}] if told else None


def _ranking(body: Json) -> list[Json]:
    return [{"type": "ranking", "results": body.get("results")}]


def _pictures(body: Json) -> list[Json] | None:
    found: list[Json] = []
    format_ = body.get("output_format")
    for item in map(mapping, sequence(body.get("data"))):
        rest = without(item, "b64_json", "url")
        if isinstance(item.get("b64_json"), str):
            kind = f"image/{format_}" if isinstance(format_, str) else "image/*"
            found.append(with_rest(media.blob(item["b64_json"], kind), rest))
        elif isinstance(item.get("url"), str):
            found.append(with_rest(media.of_url(item["url"], "image/*"), rest))
        else:
            found.append(part(item))
    return found or None


def _transcript(body: Json) -> list[Json] | None:
    said = body.get("text")
    if not isinstance(said, str):
        return None
    return [with_rest(text(said), without(body, "text", "usage"))]


def _speech(body: Json) -> list[Json] | None:
    told = mapping(body.get("sound"))
    return [{"type": "blob", "modality": "audio", **told}] if told else None


_ANSWERS: Mapping[str, Callable[[Json], list[Json] | None]] = {
    "embeddings": _embeddings,
    "rerank": _ranking,
    "image_generation": _pictures,
    "image_edit": _pictures,
    "transcription": _transcript,
    "speech": _speech,
    "mcp_tool_call": mcp.response,
    "mcp_prompt_get": mcp.response,
    "mcp_resource_read": mcp.response,
}
