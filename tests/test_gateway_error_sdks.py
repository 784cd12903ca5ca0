"""Errors as the vendors' own libraries understand them."""

import asyncio
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google

from .gateway import Gateway
from .installed import load

BROKEN = '[[sim:midstream 3 message="it broke"]] [[sim:chunks 9]]'
SAY: Any = [{"role": "user", "content": BROKEN}]


def _chat(gateway: Gateway, key: str) -> None:
    client = openai.OpenAI(base_url=gateway.url + "/v1", api_key=key, max_retries=0)
    with client.chat.completions.create(model="gpt-4.1", messages=SAY, stream=True) as stream:
        list(stream)


def _responses(gateway: Gateway, key: str) -> None:
    client = openai.OpenAI(base_url=gateway.url + "/v1", api_key=key, max_retries=0)
    with client.responses.create(model="nova-pro", input=BROKEN, stream=True) as stream:
        list(stream)


def _messages(gateway: Gateway, key: str) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)
    model = "claude-sonnet-4-6-bedrock"
    with client.messages.stream(model=model, max_tokens=99, messages=SAY) as stream:
        stream.get_final_message()


def _generate(gateway: Gateway, key: str) -> None:
    with genai.Client(api_key=key, http_options={"base_url": gateway.url}) as client:
        list(client.models.generate_content_stream(model="gemini-3.5-flash", contents=BROKEN))


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (_chat, openai.APIError),
        (_responses, openai.APIError),
        (_messages, anthropic.APIStatusError),
        (_generate, google.ServerError),
    ],
)
def test_a_stream_that_breaks(
    gateway: Gateway, key: str, ask: Callable[[Gateway, str], None], error: type[Exception]
) -> None:
    """Each vendor's library raises its own error, with the provider's words."""
    with pytest.raises(error, match="it broke"):
        ask(gateway, key)


@pytest.mark.parametrize(
    "alias", ["claude-sonnet-4-6-bedrock", "nova-pro", "gemini-3.5-flash", "gpt-4.1"]
)
@pytest.mark.filterwarnings("ignore")  # LiteLLM's library warns of its own dependencies
def test_a_prompt_too_long_for_aider(gateway: Gateway, key: str, alias: str) -> None:
    """LiteLLM's library, with which aider asks, knows that the prompt is too long."""
    litellm = load("litellm")
    asked = {
        "model": f"openai/{alias}",
        "messages": [{"role": "user", "content": "[[sim:overflow]]"}],
    }

    async def ask() -> None:
        await litellm.acompletion(**asked, api_base=gateway.url + "/v1", api_key=key, num_retries=0)

    with pytest.raises(litellm.ContextWindowExceededError):
        asyncio.run(ask())
