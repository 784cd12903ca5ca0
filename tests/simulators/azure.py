"""Azure's paths: Azure OpenAI by deployment and in its v1 form, and Azure AI Foundry.

The bare forms (`/chat/completions`, `/v1/rerank` ...) are what LiteLLM's `azure_ai/` calls when its
base is not one of Microsoft's own host names.
"""

from dataclasses import replace

from . import anthropic_messages as anthropic
from . import cohere, openai_chat, openai_media, openai_responses
from .routes import Route
from .wire import SSE, SSE_NAMED, Endpoint

CHAT = Endpoint(
    openai_chat.read,
    openai_chat.write,
    openai_chat.refuse,
    stream=openai_chat.azure_stream,
    fault=openai_chat.fault,
    transport=SSE,
)
FOUNDRY_CHAT = replace(CHAT, stream=openai_chat.stream)
RESPONSES = Endpoint(
    openai_responses.read,
    openai_responses.write,
    openai_chat.refuse,
    stream=openai_responses.stream,
    fault=openai_responses.fault,
    transport=SSE_NAMED,
)
CLAUDE = Endpoint(
    anthropic.read,
    anthropic.write,
    anthropic.refuse,
    stream=anthropic.stream,
    fault=anthropic.fault,
    transport=SSE_NAMED,
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
