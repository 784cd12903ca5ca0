"""What gate/counting.py, gate/models_codex.py and callbacks/open_streams.py take from LiteLLM."""

import asyncio
import inspect
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sekisho.gate import counting

from .installed import load, proxy
from .simulators import PROJECT, Simulator

pytestmark = pytest.mark.filterwarnings("ignore")  # LiteLLM at work warns of its dependencies


def test_whose_count_it_is() -> None:
    """LiteLLM's handlers name the source of a count, by these words."""
    settings = load("litellm.proxy.common_utils.token_count_settings")
    response = load("litellm.types.utils").TokenCountResponse
    for source in ("provider", "token_count_model", "local_estimate"):
        told = response(
            total_tokens=1,
            request_model="a",
            model_used="b",
            tokenizer_type="c",
            count_source=source,
        )
        assert settings.count_source_fields(told)["litellm_count_source"] == source


def test_the_routers_models() -> None:
    """The router names the models of an alias, and knows none of an alias that isn't there."""
    params = {"model": "azure/mine", "api_key": "k", "api_base": "https://x.example"}
    entry = {
        "model_name": "a",
        "litellm_params": params,
        "model_info": {"base_model": "azure/gpt-5.5"},
    }
    router = load("litellm").Router(model_list=[entry])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proxy(), "llm_router", router)
        assert counting.models_of("a") == ["azure/mine azure/gpt-5.5"]
        assert counting.models_of("b") == []


def test_codexs_catalogue() -> None:
    """A catalogue is made of such rows, and has these fields for models known and unknown."""
    codex = load("litellm.proxy.common_utils.codex_model_catalog")
    rows = [
        codex.CodexCatalogRow(
            id=name, mode="chat", max_input_tokens=99, upstream_model=f"azure/{name}"
        )
        for name in ("gpt-5.5", "mine")
    ]
    body = codex.codex_models_response_json(rows)
    known, other = load("json").loads(body.json)["models"]
    assert {"slug", "context_window", "max_context_window", "prefer_websockets"} <= known.keys()
    assert {"slug", "context_window", "base_instructions"} <= other.keys()
    assert (known["slug"], other["slug"], other["context_window"]) == ("gpt-5.5", "mine", 99)
    assert codex.CODEX_CATALOG_BYTE_LIMIT == 1_048_576


def test_a_stream_of_gemini_is_opened_once() -> None:
    """LiteLLM's stream of Gemini has a method that opens it, and does it once."""
    gemini = load("litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini")
    assert inspect.iscoroutinefunction(gemini.VertexLLM.async_streaming)
    wrapper = load("litellm.litellm_core_utils.streaming_handler").CustomStreamWrapper
    calls: list[str] = []

    async def stream() -> AsyncGenerator[str]:
        yield "piece"

    async def make_call(client: Any) -> Any:
        calls.append("call")
        return stream()

    async def open_twice() -> None:
        late = wrapper(None, "m", _Log(), "vertex_ai_beta", make_call=make_call)
        await late.fetch_stream()
        await late.fetch_stream()

    asyncio.run(open_twice())
    assert calls == ["call"]


def test_gemini_is_not_tried_again_without_the_repair(clouds: Simulator) -> None:
    """Without callbacks/open_streams.py LiteLLM's router hands back a streamed response that hasn't
    begun, and nobody tries again when it then can't."""
    params = {
        "model": "vertex_ai/gemini-3.8-flash",
        "api_base": clouds.url,
        "vertex_project": PROJECT,
        "vertex_location": "global",
        "vertex_credentials": str(clouds.service_account_file),
    }
    litellm = load("litellm")
    entry = {"model_name": "a", "litellm_params": params}
    router = litellm.Router(model_list=[entry], num_retries=2, disable_cooldowns=True)
    clouds.clear()
    clouds.script({"status": 429, "retry_after": 0}, {})

    async def ask() -> list[str]:
        stream = await router.aresponses(model="a", input="hello", stream=True)
        return [str(event.type) async for event in stream]

    with pytest.raises(litellm.exceptions.RateLimitError):
        asyncio.run(ask())
    clouds.clear()


class _Log:
    """As much of LiteLLM's log object as a stream needs to be made."""

    model_call_details: dict[str, Any] = {"litellm_params": {}}  # noqa: RUF012
    completion_start_time = None
    messages: list[Any] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> Any:
        return None
