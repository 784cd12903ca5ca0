"""The built-in model `demo`: it answers without a cloud account, so that a newcomer sees key,
answer, price and log within a minute. It is there with `sekisho up --demo` only.
"""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import (
    Embedding,
    EmbeddingResponse,
    GenericStreamingChunk,
    ModelResponse,
    Usage,
)

from ..untyped import mapping, sequence

_DIMENSIONS = 256


class DemoModel(CustomLLM):
    """Says what it was asked, calls the first tool that it is offered, and counts words."""

    async def acompletion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """A whole answer."""
        messages, tools = kwargs["messages"], _tools(kwargs)
        call = _tool_call(messages, tools)
        text = "" if call else _answer(messages)
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if call:
            message["tool_calls"] = [call]
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": "tool_calls" if call else "stop",
        }
        return ModelResponse(
            model="demo",
            created=int(time.time()),
            choices=[choice],
            usage=_usage(messages, text or json.dumps(call)),
        )

    async def astreaming(  # type: ignore[override] # LiteLLM means a generator too
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[GenericStreamingChunk]:
        """The same answer, word by word."""
        messages, tools = kwargs["messages"], _tools(kwargs)
        call = _tool_call(messages, tools)
        text = "" if call else _answer(messages)
        usage = _usage(messages, text or json.dumps(call))
        if call:
            yield _chunk("", tool_use={**call, "index": 0})
        for word in text.split(" ") if text else []:
            yield _chunk(word + " ")
        yield _chunk(
            "",
            finish_reason="tool_calls" if call else "stop",
            usage={
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            },
        )

    async def aembedding(self, *args: Any, **kwargs: Any) -> EmbeddingResponse:
        """Vectors made from each text's hash: the same text has the same vector."""
        texts = kwargs["input"]
        texts = [texts] if isinstance(texts, str) else texts
        data = [
            Embedding(object="embedding", index=i, embedding=_vector(str(text)))
            for i, text in enumerate(texts)
        ]
        tokens = sum(_words(str(text)) for text in texts)
        usage = Usage(prompt_tokens=tokens, completion_tokens=0, total_tokens=tokens)
        return EmbeddingResponse(model="demo", data=data, usage=usage)


def _answer(messages: Sequence[Mapping[str, Any]]) -> str:
    last = messages[-1]
    if last.get("role") == "tool":
        return f"The tool said: {_text(last.get('content'))}"
    return f"This is Sekisho's demo model. You said: {_text(last.get('content'))}"


def _tool_call(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """A call of the first tool, unless the last message is a tool's answer already."""
    if not tools or messages[-1].get("role") == "tool":
        return None
    function = mapping(tools[0]["function"])
    properties = mapping(mapping(function.get("parameters")).get("properties"))
    arguments = {name: _text(messages[-1].get("content")) for name in list(properties)[:1]}
    return {
        "id": "call_demo",
        "type": "function",
        "function": {"name": function["name"], "arguments": json.dumps(arguments)},
    }


def _tools(kwargs: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return sequence(mapping(kwargs.get("optional_params")).get("tools"))


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts = [mapping(part) for part in sequence(content)]
        return " ".join(str(part.get("text", "")) for part in parts)
    return str(content or "")


def _words(text: str) -> int:
    return len(text.split())


def _usage(messages: Sequence[Mapping[str, Any]], answer: str) -> Usage:
    prompt, completion = sum(_words(_text(m.get("content"))) for m in messages), _words(answer)
    return Usage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )


def _vector(text: str) -> list[float]:
    digest = hashlib.shake_256(text.encode()).digest(_DIMENSIONS)
    return [byte / 128 - 1 for byte in digest]


def _chunk(
    text: str, finish_reason: str = "", usage: Any = None, tool_use: Any = None
) -> GenericStreamingChunk:
    return GenericStreamingChunk(
        text=text,
        is_finished=bool(finish_reason),
        finish_reason=finish_reason,
        usage=usage,
        index=0,
        tool_use=tool_use,
    )


handler = DemoModel()
