"""Repair: Google's generateContent on models of other vendors.

LiteLLM 1.106.2 translates such a request to a chat completion and its answer back
(`litellm/google_genai/adapters`). On the way it loses

* usage: a stream's is always 0, a whole answer's has no cache reads, cache writes and thoughts;
* status: every error of the provider becomes a ValueError, hence 500, and is tried again;
* pictures: it looks for `inline_data`, Google's own spelling is `inlineData`; files by address;
* instructions after the first part, contents of the role `function`, and thoughts, which it sends
  back as if they had been said;
* in streams, calls of tools without arguments.

tests/test_gateway_generate.py shows that each is needed and works.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import litellm
from litellm.exceptions import BadRequestError
from litellm.google_genai.adapters import handler
from litellm.google_genai.adapters.transformation import GoogleGenAIAdapter

from ..untyped import mapping, sequence, text

Json = dict[str, Any]

USAGE = "sekisho"
"""The field of an answer that has the usage as chat completions tell it, for the gate's reader:
Google's has no place for what was written to a cache. The reader takes it out."""
_ROLES = {"function": "user", "tool": "user"}


def install() -> None:
    """Put the repairs where LiteLLM looks for them at each call."""
    setattr(handler, "GOOGLE_GENAI_ADAPTER", Adapter())  # noqa: B010
    owner: Any = handler.GenerateContentToCompletionHandler
    owner.async_generate_content_handler = staticmethod(generate)


async def generate(
    model: str,
    contents: Any,
    litellm_params: Any,
    config: Json | None = None,
    stream: bool = False,
    **rest: Any,
) -> Any:
    """Ask by a chat completion. Raises LiteLLM's exceptions, with the provider's own status."""
    owner: Any = handler.GenerateContentToCompletionHandler
    asked: Json = owner._prepare_completion_kwargs(
        model, contents, config, stream, litellm_params, rest
    )
    thoughts = mapping(mapping(config).get("thinkingConfig")).get("includeThoughts") is True
    if stream:
        asked["stream_options"] = {"include_usage": True}
    answer: Any = await litellm.acompletion(**asked)
    if stream and hasattr(answer, "__aiter__"):
        return _events(answer, thoughts)
    told = _whole(answer, thoughts)
    return _lines(told) if stream else told


class Adapter(GoogleGenAIAdapter):
    """LiteLLM's translation of requests, which is given what it reads."""

    def _transform_contents_to_messages(
        self, contents: Any, system_instruction: Any = None
    ) -> list[Any]:
        given = [_readable(mapping(content)) for content in contents]
        system = {"parts": [{"text": _joined(system_instruction)}]}
        has_system = bool(system["parts"][0]["text"])
        return super()._transform_contents_to_messages(given, system if has_system else None)  # type: ignore[arg-type] # as JSON has it


def _joined(instruction: Any) -> str:
    """All texts of an instruction."""
    parts = map(mapping, sequence(mapping(instruction).get("parts")))
    return "\n\n".join(said for part in parts if (said := text(part.get("text"))))


def _readable(content: Json) -> Json:
    role = str(content.get("role") or "user")
    parts = [mapping(part) for part in sequence(content.get("parts"))]
    said = [_part(part) for part in parts if not part.get("thought")]
    return {**content, "role": _ROLES.get(role, role), "parts": said}


def _part(part: Json) -> Json:
    inline = mapping(part.get("inlineData"))
    if inline:
        data = {"mime_type": inline.get("mimeType"), "data": inline.get("data")}
        return {"inline_data": {name: value for name, value in data.items() if value}}
    if part.get("fileData"):
        words = "This model takes no files by address: send the content itself as 'inlineData'."
        raise BadRequestError(words, "", "")
    return part


async def _events(chunks: Any, thoughts: bool) -> AsyncGenerator[bytes]:
    """The events of a stream: its texts as they come, its tool calls and its usage at the end."""
    last: Json = {}
    calls: dict[int, Json] = {}
    try:
        async for chunk in chunks:
            last |= _seen(chunk)
            choice = chunk.choices[0] if chunk.choices else None
            last["reason"] = getattr(choice, "finish_reason", None) or last.get("reason")
            delta = getattr(choice, "delta", None)
            for call in getattr(delta, "tool_calls", None) or ():
                _gather(calls, call)
            if parts := _texts(delta, thoughts):
                yield _event({"candidates": [_candidate(parts)], "responseId": last.get("id")})
        parts = [part for _, call in sorted(calls.items()) if (part := _called(call))]
        if last.get("reason"):
            yield _event(_answer(parts or [{"text": ""}], last))
    finally:
        if hasattr(chunks, "aclose"):
            await chunks.aclose()


async def _lines(told: Json) -> AsyncGenerator[bytes]:
    yield _event(told)


def _event(told: Json) -> bytes:
    return f"data: {json.dumps(told)}\n\n".encode()


def _whole(answer: Any, thoughts: bool) -> Json:
    choice = answer.choices[0]
    parts = _texts(choice.message, thoughts)
    for call in choice.message.tool_calls or ():
        function: Any = getattr(call, "function", None)
        if function and (part := _called({"name": function.name, "arguments": function.arguments})):
            parts.append(part)
    return _answer(parts or [{"text": ""}], {**_seen(answer), "reason": choice.finish_reason})


def _seen(answer: Any) -> Json:
    """What an answer, or a chunk of one, says of the whole."""
    fields = {name: getattr(answer, name, None) for name in ("id", "usage", "service_tier")}
    return {name: value for name, value in fields.items() if value}


def _texts(said: Any, thoughts: bool) -> list[Json]:
    thought = getattr(said, "reasoning_content", None) if thoughts else None
    content = getattr(said, "content", None)
    parts: list[Json] = [{"text": thought, "thought": True}] if thought else []
    return [*parts, {"text": content}] if content else parts


def _gather(calls: dict[int, Json], delta: Any) -> None:
    index: Any = getattr(delta, "index", None)
    function: Any = getattr(delta, "function", None)
    if function is None:
        return
    call = calls.setdefault(len(calls) if index is None else index, {"name": "", "arguments": ""})
    call["name"] = function.name or call["name"]
    call["arguments"] += function.arguments or ""


def _called(call: Json) -> Json | None:
    """A tool call; None when its arguments have been cut off."""
    try:
        arguments = json.loads(call["arguments"] or "{}")
    except ValueError:
        return None
    return {"functionCall": {"name": call["name"], "args": arguments}}


def _candidate(parts: list[Json], **more: Any) -> Json:
    return {"content": {"parts": parts, "role": "model"}, "index": 0, **more}


def _answer(parts: list[Json], seen: Mapping[str, Any]) -> Json:
    adapter: Any = GoogleGenAIAdapter()
    reason = adapter._map_finish_reason(seen.get("reason"))
    usage: Any = seen.get("usage")
    told: Json = {
        "candidates": [_candidate(parts, finishReason=reason)],
        "usageMetadata": usage_metadata(usage),
        "responseId": seen.get("id"),
    }
    if usage is not None:
        chat = usage.model_dump(exclude_none=True)
        told[USAGE] = {"usage": chat, "service_tier": seen.get("service_tier")}
    return told


def usage_metadata(usage: Any) -> Json:
    """Usage as Google tells it: what was read from a cache is in the prompt, thoughts are apart."""
    if usage is None:
        return {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}
    cached = getattr(usage.prompt_tokens_details, "cached_tokens", None)
    thoughts = getattr(usage.completion_tokens_details, "reasoning_tokens", None)
    told = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": max(usage.completion_tokens - (thoughts or 0), 0),
        "totalTokenCount": usage.prompt_tokens + usage.completion_tokens,
    }
    if cached:
        told["cachedContentTokenCount"] = cached
    if thoughts:
        told["thoughtsTokenCount"] = thoughts
    return told
