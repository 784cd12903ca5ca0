"""What callbacks/repairs/ relies on inside LiteLLM: one hook, which every API comes to."""

import asyncio
import contextlib
from typing import Any

import pytest

from .installed import load
from .test_contract import SAY, demo_router, litellm_at_work

PARTS = [{"role": "user", "parts": [{"text": "Good day"}]}]
CASES = [
    ("acompletion", {"messages": SAY}, ["acompletion"]),
    ("aanthropic_messages", {"messages": SAY, "max_tokens": 9}, ["anthropic_messages"]),
    ("aresponses", {"input": "Good day"}, ["aresponses"]),
    ("agenerate_content", {"contents": PARTS}, ["agenerate_content"]),
    ("agenerate_content_stream", {"contents": PARTS}, ["agenerate_content_stream"]),
]
API = {"anthropic_messages": "messages", "aresponses": "responses", "acompletion": "chat"}


def _seeing(seen: list[Any]) -> Any:
    """A logger that notes each call, and changes what is said."""
    base: Any = load("litellm.integrations.custom_logger").CustomLogger
    call_of = load("sekisho.callbacks.repairs.call").Call.of

    class Seeing(base):  # type: ignore[misc] # LiteLLM is loaded by the test
        async def async_pre_call_deployment_hook(self, kwargs: Any, call_type: Any) -> Any:
            call = call_of(API.get(call_type.value, "generate"), kwargs)
            seen.append((call_type.value, call.provider, call.model, call.info.get("id")))
            changed = [{"role": "user", "content": "Good night"}]
            if call.api == "generate":
                night = [{"role": "user", "parts": [{"text": "Good night"}]}]
                return {**kwargs, "contents": night}
            name = "input" if call.api == "responses" else "messages"
            return {**kwargs, name: changed}

    return Seeing()


@litellm_at_work
@pytest.mark.parametrize(("method", "asked", "first"), CASES)
def test_the_hook(
    monkeypatch: pytest.MonkeyPatch, method: str, asked: dict[str, Any], first: list[str]
) -> None:
    """Each API calls it with the chosen deployment before translating, and once more as Chat."""
    seen: list[Any] = []
    router = demo_router(monkeypatch, _seeing(seen))
    # Google's API has no custom providers: it fails after the hook.
    with contextlib.suppress(load("litellm").APIConnectionError):
        asyncio.run(getattr(router, method)(model="demo", num_retries=0, **asked))
    then = ["acompletion"] if method in ("aanthropic_messages", "aresponses") else []
    assert [one[0] for one in seen] == [*first, *then]
    assert seen[0] == (first[0], "demo", "demo/echo-1", "demo@demo")
    assert [one[1] for one in seen] == ["demo"] * len(seen)


@litellm_at_work
def test_what_the_hook_returns_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider gets the arguments that the hook has given back."""
    router = demo_router(monkeypatch, _seeing([]))
    answer = asyncio.run(router.acompletion(model="demo", messages=SAY))
    words = "This is Sekisho's demo model. You said: Good night"
    assert answer.choices[0].message.content == words


def test_the_names_of_the_calls() -> None:
    """LiteLLM's names of its functions are among its call types, which it gives to the hook."""
    types = load("litellm.types.utils").CallTypes
    apis = load("sekisho.callbacks.repairs.call").APIS
    assert set(apis) <= {one.value for one in types}


def test_our_hook() -> None:
    """It has LiteLLM's parameters, by name: LiteLLM calls it by keyword."""
    hook = load("sekisho.callbacks.repairs.hook")
    kwargs = {"model": "bedrock/claude-sonnet-4-6", "temperature": 0.5, "top_p": 0.9}
    chat = load("litellm.types.utils").CallTypes.acompletion
    given = asyncio.run(hook.logger.async_pre_call_deployment_hook(kwargs, chat))
    assert given == {"model": "bedrock/claude-sonnet-4-6", "temperature": 0.5}
    assert kwargs["top_p"] == 0.9
    other = load("litellm.types.utils").CallTypes.aembedding
    assert asyncio.run(hook.logger.async_pre_call_deployment_hook(kwargs, other)) is None


def test_a_repair_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The request goes on as it came, and the log says where the mistake is."""
    hook = load("sekisho.callbacks.repairs.hook")
    logger = hook.RepairLogger()
    logger.leave_out(())
    broken = load("types").SimpleNamespace(NAME="broken", apply=lambda call: call.kwargs["none"])
    logger._repairs = (broken,)
    chat = load("litellm.types.utils").CallTypes.acompletion
    assert asyncio.run(logger.async_pre_call_deployment_hook({"model": "m"}, chat)) is None
    assert "a repair failed: KeyError at test_contract_repairs.py:" in caplog.text
