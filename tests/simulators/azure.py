"""Azure's paths: Azure OpenAI by deployment and in its v1 form, and Azure AI Foundry.

The bare forms (`/chat/completions`, `/v1/rerank` ...) are what LiteLLM's `azure_ai/` calls when its
base is not one of Microsoft's own host names.
"""

from collections.abc import Mapping
from dataclasses import replace

from . import anthropic_messages as anthropic
from . import cohere, openai_chat, openai_media, openai_responses
from .pretend import Prompt
from .routes import Route
from .rules import betas, chat, claude, responses
from .wire import SSE, SSE_NAMED, Endpoint


def _obey_chat(prompt: Prompt, headers: Mapping[str, str]) -> None:
    chat.obey(prompt.model, prompt.body)


def _obey_responses(prompt: Prompt, headers: Mapping[str, str]) -> None:
    responses.obey(prompt.model, prompt.body)


def _obey_claude(prompt: Prompt, headers: Mapping[str, str]) -> None:
    flags = tuple(betas.listed(headers.get("anthropic-beta", "")))
    claude.obey("azure", prompt.model, prompt.body, flags)


CHAT = Endpoint(
    openai_chat.read,
    openai_chat.write,
    openai_chat.refuse,
    stream=openai_chat.azure_stream,
    fault=openai_chat.fault,
    transport=SSE,
    rules=_obey_chat,
    overflow=openai_chat.OVERFLOW,
)
FOUNDRY_CHAT = replace(CHAT, stream=openai_chat.stream, rules=None)
RESPONSES = Endpoint(
    openai_responses.read,
    openai_responses.write,
    openai_chat.refuse,
    stream=openai_responses.stream,
    fault=openai_responses.fault,
    transport=SSE_NAMED,
    rules=_obey_responses,
    overflow=openai_chat.OVERFLOW_OF_RESPONSES,
)
CLAUDE = Endpoint(
    anthropic.read,
    anthropic.write,
    anthropic.refuse,
    stream=anthropic.stream,
    fault=anthropic.fault,
    transport=SSE_NAMED,
    rules=_obey_claude,
    overflow=anthropic.OVERFLOW,
)
CLAUDE_COUNT = Endpoint(anthropic.read_for_counting, anthropic.write_count, anthropic.refuse)
EMBEDDINGS = Endpoint(
    openai_media.read_embeddings, openai_media.write_embeddings, openai_chat.refuse
)
IMAGES = Endpoint(openai_media.read_image, openai_media.write_image, openai_chat.refuse)
TRANSCRIPTIONS = Endpoint(
    openai_media.read_transcription, openai_media.write_transcription, openai_chat.refuse
)
SPEECH = Endpoint(openai_media.read_speech, openai_media.write_speech, openai_chat.refuse)
RERANK = Endpoint(cohere.read_rerank, cohere.write_rerank, openai_chat.refuse)

_OPENAI = r"/openai/(?:deployments/(?P<model>[^/]+)|v1)"
_FOUNDRY = r"(?:/models|/v1)?"

ROUTES = (
    Route(rf"{_OPENAI}/chat/completions", CHAT),
    Route(rf"{_OPENAI}/embeddings", EMBEDDINGS),
    Route(rf"{_OPENAI}/images/(?:generations|edits)", IMAGES),
    Route(rf"{_OPENAI}/audio/(?:transcriptions|translations)", TRANSCRIPTIONS),
    Route(rf"{_OPENAI}/audio/speech", SPEECH),
    Route(r"/openai(?:/v1)?/responses", RESPONSES),
    Route(r"/anthropic/v1/messages", CLAUDE),
    Route(r"/anthropic/v1/messages/count_tokens", CLAUDE_COUNT),
    Route(rf"{_FOUNDRY}/chat/completions", FOUNDRY_CHAT),
    Route(rf"{_FOUNDRY}/embeddings", EMBEDDINGS),
    Route(r"(?:/providers/cohere)?/v[12]/rerank", RERANK),
)
