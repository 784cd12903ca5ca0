"""What the gate and callbacks/generate_content.py rely on in LiteLLM's Google API.

Where a test says that LiteLLM gets something wrong, and it fails, the repair has done its duty.
"""

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from sekisho.callbacks import generate_content
from sekisho.gate import google

from .installed import load

litellm_at_work = pytest.mark.filterwarnings("ignore")

TRANSFORMATION = "litellm.google_genai.adapters.transformation"
HANDLER = "litellm.google_genai.adapters.handler"
USAGE = SimpleNamespace(
    prompt_tokens=10,
    completion_tokens=5,
    total_tokens=15,
    prompt_tokens_details=SimpleNamespace(cached_tokens=4),
    completion_tokens_details=SimpleNamespace(reasoning_tokens=2),
)


def test_the_fields_that_are_sent_on() -> None:
    """The fields that the gate lets pass are those that LiteLLM sends to Google."""
    config = load("litellm.llms.vertex_ai.google_genai.transformation").VertexAIGoogleGenAIConfig()
    own = {"contents", "tools", "systemInstruction", "generationConfig"}
    assert own | set(config.get_generate_content_request_top_level_fields()) == google.FIELDS


def test_what_is_replaced() -> None:
    """The handler and the adapter are there by these names and take these arguments."""
    handler = load(HANDLER)
    assert isinstance(handler.GOOGLE_GENAI_ADAPTER, load(TRANSFORMATION).GoogleGenAIAdapter)
    owner = handler.GenerateContentToCompletionHandler
    names = ["model", "contents", "litellm_params", "config", "stream"]
    theirs = inspect.signature(owner.async_generate_content_handler).parameters
    ours = inspect.signature(generate_content.generate).parameters
    assert list(theirs)[:5] == list(ours)[:5] == names
    prepare = inspect.signature(owner._prepare_completion_kwargs).parameters
    assert list(prepare) == [
        "model",
        "contents",
        "config",
        "stream",
        "litellm_params",
        "extra_kwargs",
    ]
    adapter = load(TRANSFORMATION).GoogleGenAIAdapter
    translate = inspect.signature(adapter._transform_contents_to_messages).parameters
    assert list(translate) == ["self", "contents", "system_instruction"]


def test_why_usage_is_repaired() -> None:
    """LiteLLM's own translation leaves out what was read from a cache, and thoughts."""
    told = load(TRANSFORMATION).GoogleGenAIAdapter()._map_usage(USAGE)
    assert told == {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    assert generate_content.usage_metadata(USAGE) == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 3,
        "totalTokenCount": 15,
        "cachedContentTokenCount": 4,
        "thoughtsTokenCount": 2,
    }


def test_why_requests_are_repaired() -> None:
    """LiteLLM's own translation drops pictures, second instructions and results of the role
    `function`, and says thoughts back."""
    contents: Any = [
        {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "Yes."}]},
        {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
    ]
    system: Any = {"parts": [{"text": "First."}, {"text": "Second."}]}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    def told(adapter: Any) -> list[Any]:
        messages: list[Any] = adapter._transform_contents_to_messages(contents, system)
        return [dict(message) for message in messages]

    assert told(load(TRANSFORMATION).GoogleGenAIAdapter()) == [
        {"role": "system", "content": "First."},
        {"role": "assistant", "content": "Hm.Yes."},
    ]
    assert told(generate_content.Adapter()) == [
        {"role": "system", "content": "First.\n\nSecond."},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [picture]},
        {"role": "tool", "tool_call_id": "call_f", "content": "{}"},
    ]


@litellm_at_work
def test_why_errors_are_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's own handler makes a ValueError of a provider's error."""
    litellm, owner = load("litellm"), load(HANDLER).GenerateContentToCompletionHandler

    async def refuse(**_: Any) -> Any:
        raise litellm.RateLimitError("no", "azure", "m")

    monkeypatch.setattr(litellm, "acompletion", refuse)
    params = load("litellm.types.router").GenericLiteLLMParams()
    contents: Any = [{"role": "user", "parts": [{"text": "hi"}]}]
    with pytest.raises(ValueError, match="no"):
        asyncio.run(owner.async_generate_content_handler("m", contents, params))
    with pytest.raises(litellm.RateLimitError):
        asyncio.run(generate_content.generate("m", contents, params))
