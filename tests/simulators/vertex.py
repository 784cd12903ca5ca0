"""Vertex AI's paths, and the neighbouring Google services that LiteLLM calls for speech and login.

Open models (Llama, DeepSeek, Qwen, gpt-oss ...) answer at `endpoints/openapi`, Mistral's and
Anthropic's at `rawPredict`, Google's own at `generateContent` and `predict`.
"""

from collections.abc import Mapping
from dataclasses import replace

from . import anthropic_messages as anthropic
from . import gemini, openai_chat
from . import google_media as google
from .pretend import Json, Prompt, Reply
from .routes import Route
from .rules import betas, claude
from .rules import gemini as gemini_rules
from .wire import JSON_ARRAY, SSE, SSE_NAMED, Endpoint, Refusal


def _refuse_claude(status: int, message: str) -> Refusal:
    """What Google's front refuses has Google's shape, what the model refuses has Anthropic's."""
    if status in (401, 403, 404, 429):
        return gemini.refuse(status, message)
    return anthropic.refuse(status, message)


def _obey_claude(prompt: Prompt, headers: Mapping[str, str]) -> None:
    flags = tuple(betas.listed(headers.get("anthropic-beta", "")))
    claude.obey("vertex", prompt.model, prompt.body, flags)


def _obey_gemini(prompt: Prompt, headers: Mapping[str, str]) -> None:
    gemini_rules.obey(prompt.model, prompt.body)


def _read_gemini_caches(model: str, body: Json) -> Prompt:
    return Prompt("", body, [])


def _list_caches(prompt: Prompt, reply: Reply) -> Json:
    return {}


def _write_cache(prompt: Prompt, reply: Reply) -> Json:
    return {"name": f"projects/1/locations/global/cachedContents/{reply.id}", **prompt.body}


GEMINI = Endpoint(
    gemini.read,
    gemini.write,
    gemini.refuse,
    stream=gemini.stream,
    fault=gemini.fault,
    transport=SSE,
    rules=_obey_gemini,
    overflow=gemini.OVERFLOW,
)
GEMINI_ARRAY = replace(GEMINI, transport=JSON_ARRAY)
CLAUDE = Endpoint(
    anthropic.read,
    anthropic.write,
    _refuse_claude,
    stream=anthropic.stream,
    fault=anthropic.fault,
    transport=SSE_NAMED,
    rules=_obey_claude,
    overflow=anthropic.OVERFLOW,
)
MISTRAL = Endpoint(
    openai_chat.read,
    openai_chat.write,
    gemini.refuse,
    stream=openai_chat.mistral_stream,
    fault=openai_chat.fault,
    transport=SSE,
)
OPEN_MODELS = replace(MISTRAL, stream=openai_chat.stream)
CLAUDE_COUNT = Endpoint(anthropic.read_for_counting, anthropic.write_count, _refuse_claude)
GEMINI_COUNT = Endpoint(gemini.read, gemini.write_count, gemini.refuse, rules=_obey_gemini)
PREDICT = Endpoint(google.read_predict, google.write_predict, gemini.refuse)
EMBED_CONTENT = Endpoint(google.read_embed_content, google.write_embed_content, gemini.refuse)
SYNTHESIZE = Endpoint(google.read_synthesize, google.write_synthesize, gemini.refuse)
RECOGNIZE = Endpoint(google.read_recognize, google.write_recognize, gemini.refuse)
TOKEN = Endpoint(google.token, google.write_token, gemini.refuse)
CACHES = Endpoint(
    _read_gemini_caches,
    _list_caches,
    gemini.refuse,
    complaint="cachedContents: needs rights of its own and costs by the hour",
)
NEW_CACHE = replace(CACHES, write=_write_cache)

_PLACE = r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+"
_GOOGLE = rf"{_PLACE}/(?:publishers/google/models|endpoints)/(?P<model>[^/:]+)"
_CLAUDE = rf"{_PLACE}/publishers/anthropic/models/(?P<model>[^/:]+)"
_MISTRAL = rf"{_PLACE}/publishers/mistralai/models/(?P<model>[^/:]+)"

ROUTES = (
    Route(r"/token", TOKEN),
    Route(rf"{_GOOGLE}:generateContent", GEMINI),
    Route(rf"{_GOOGLE}:streamGenerateContent\?alt=sse", GEMINI, stream=True),
    Route(rf"{_GOOGLE}:streamGenerateContent", GEMINI_ARRAY, stream=True),
    Route(rf"{_GOOGLE}:countTokens", GEMINI_COUNT),
    Route(rf"{_GOOGLE}:predict", PREDICT),
    Route(rf"{_GOOGLE}:embedContent", EMBED_CONTENT),
    Route(rf"{_PLACE}/publishers/anthropic/models/count-tokens:rawPredict", CLAUDE_COUNT),
    Route(rf"{_CLAUDE}:rawPredict", CLAUDE),
    Route(rf"{_CLAUDE}:streamRawPredict", CLAUDE, stream=True),
    Route(rf"{_MISTRAL}:rawPredict", MISTRAL),
    Route(rf"{_MISTRAL}:streamRawPredict", MISTRAL, stream=True),
    Route(rf"{_PLACE}/endpoints/openapi/chat/completions", OPEN_MODELS),
    Route(rf"{_PLACE}/cachedContents", CACHES, method="GET"),
    Route(rf"{_PLACE}/cachedContents", NEW_CACHE),
    Route(r"/v1/text:synthesize", SYNTHESIZE),
    Route(r"/v2/projects/[^/]+/locations/[^/]+/recognizers/[^/:]+:recognize", RECOGNIZE),
)
