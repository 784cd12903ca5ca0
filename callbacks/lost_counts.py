"""Repair: counts that providers report and LiteLLM 1.106.2 leaves out of its answers.

* Embeddings on Bedrock: Nova's and Cohere's token counts are in the header
  `x-amzn-bedrock-input-token-count`, which `BedrockEmbedding` drops; LiteLLM invents others.
* Pictures edited by Gemini: `usageMetadata` is dropped.
* Responses of models that are asked by Chat Completions: the split of cache writes by their time
  to live, which have different prices, is dropped.

tests/test_gateway_models.py shows that each is needed and works.
"""

from collections.abc import Callable
from typing import Any

from litellm.llms.bedrock.embed import embedding
from litellm.llms.cohere.embed import handler
from litellm.llms.vertex_ai import image_edit
from litellm.llms.vertex_ai.image_generation.vertex_gemini_transformation import (
    VertexAIGeminiImageGenerationConfig,
)
from litellm.responses.litellm_completion_transformation.transformation import (
    LiteLLMCompletionResponsesConfig as Responses,
)

from .attempts import current

_COUNT = "x-amzn-bedrock-input-token-count"


def install() -> None:
    """Put the repairs where LiteLLM looks for them at each call."""
    for module in (embedding, handler):
        _wrap(module, "get_async_httpx_client", _counted)
    setattr(image_edit, "VertexAIGeminiImageEditConfig", GeminiImageEdit)  # noqa: B010
    name = "transform_chat_completion_usage_to_responses_usage"
    for spelling in (name, f"_{name}"):
        _wrap(Responses, spelling, lambda told: staticmethod(_split(told)))


def _wrap(owner: object, name: str, wrapper: Callable[[Callable[..., Any]], Any]) -> None:
    setattr(owner, name, wrapper(getattr(owner, name)))


class _Counting:
    """LiteLLM's HTTP client, which notes Bedrock's count of each answer."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def post(self, *where: Any, **arguments: Any) -> Any:
        """Send one embedding request; a list of texts may be several."""
        answer = await self._client.post(*where, **arguments)
        attempts = current.get()
        if attempts is not None and str(answer.headers.get(_COUNT, "")).isdecimal():
            attempts.counted = (attempts.counted or 0) + int(answer.headers[_COUNT])
        return answer


def _counted(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **named: _Counting(make(*arguments, **named))


class GeminiImageEdit(image_edit.VertexAIGeminiImageEditConfig):
    """LiteLLM's image edits, with the usage."""

    def transform_image_edit_response(self, model: str, raw_response: Any, logging_obj: Any) -> Any:
        """The answer as generation has it."""
        answer = super().transform_image_edit_response(model, raw_response, logging_obj)
        usage = raw_response.json().get("usageMetadata")
        if usage:
            generation: Any = VertexAIGeminiImageGenerationConfig()
            answer.usage = generation._transform_image_usage(usage)
        return answer


def _split(told: Callable[..., Any]) -> Callable[..., Any]:
    def with_split(chat_completion_response: Any) -> Any:
        usage = told(chat_completion_response)
        chat = getattr(chat_completion_response, "usage", chat_completion_response)
        details = getattr(chat, "prompt_tokens_details", None)
        split = getattr(details, "cache_creation_token_details", None)
        hour = getattr(split, "ephemeral_1h_input_tokens", None)
        if hour and usage.input_tokens_details is not None:
            usage.input_tokens_details.cache_write_1h_tokens = hour
        return usage

    return with_split
