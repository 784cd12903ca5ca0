"""Every route that Sekisho serves. What isn't in this table is answered 404."""

from dataclasses import dataclass
from typing import Literal

Dialect = Literal["openai", "anthropic"]
Body = Literal["json", "multipart", "none"]


@dataclass(frozen=True, slots=True)
class Route:
    """One served route and what the gate has to know of it.

    `endpoint` is LiteLLM's own handler as `module:function`; None means that the gate answers.
    `operation` is the row's `gen_ai_operation_name`.
    """

    method: str
    paths: tuple[str, ...]
    operation: str
    dialect: Dialect = "openai"
    body: Body = "json"
    endpoint: str | None = None


_PROXY = "litellm.proxy.proxy_server"
_IMAGES = "litellm.proxy.image_endpoints.endpoints"
_ANTHROPIC = "litellm.proxy.anthropic_endpoints.endpoints"

INFERENCE = (
    Route(
        "POST",
        ("/v1/chat/completions", "/chat/completions"),
        "chat",
        endpoint=f"{_PROXY}:chat_completion",
    ),
    Route(
        "POST",
        ("/v1/responses", "/responses"),
        "responses",
        endpoint="litellm.proxy.response_api_endpoints.endpoints:responses_api",
    ),
    Route(
        "POST",
        ("/v1/messages",),
        "messages",
        dialect="anthropic",
        endpoint=f"{_ANTHROPIC}:anthropic_response",
    ),
    Route(
        "POST",
        ("/v1/messages/count_tokens",),
        "count_tokens",
        dialect="anthropic",
        endpoint=f"{_ANTHROPIC}:count_tokens",
    ),
    Route("POST", ("/v1/embeddings", "/embeddings"), "embeddings", endpoint=f"{_PROXY}:embeddings"),
    Route(
        "POST",
        ("/v1/rerank", "/rerank", "/v2/rerank"),
        "rerank",
        endpoint="litellm.proxy.rerank_endpoints.endpoints:rerank",
    ),
    Route(
        "POST",
        ("/v1/images/generations", "/images/generations"),
        "image_generation",
        endpoint=f"{_IMAGES}:image_generation",
    ),
    Route(
        "POST",
        ("/v1/images/edits", "/images/edits"),
        "image_edit",
        body="multipart",
        endpoint=f"{_IMAGES}:image_edit_api",
    ),
    Route(
        "POST",
        ("/v1/audio/transcriptions", "/audio/transcriptions"),
        "transcription",
        body="multipart",
        endpoint=f"{_PROXY}:audio_transcriptions",
    ),
    Route(
        "POST",
        ("/v1/audio/speech", "/audio/speech"),
        "speech",
        endpoint=f"{_PROXY}:audio_speech",
    ),
)

MODELS = Route("GET", ("/v1/models", "/models"), "list_models", body="none")
MODEL = Route("GET", ("/v1/models/{model}", "/models/{model}"), "get_model", body="none")
LIVE = Route("GET", ("/health/liveliness", "/health/liveness"), "health", body="none")
READY = Route("GET", ("/health/readiness",), "health", body="none")
METRICS = Route("GET", ("/metrics",), "metrics", body="none")

ROUTES = (*INFERENCE, MODELS, MODEL, LIVE, READY, METRICS)

_EXACT = {(r.method, path): r for r in ROUTES for path in r.paths if "{" not in path}
_METHODS: dict[str, set[str]] = {}
for _method, _path in _EXACT:
    if _EXACT[_method, _path] is METRICS:
        continue  # whoever may not read it shall not find it
    _METHODS.setdefault(_path, set()).add(_method)


def find(method: str, path: str) -> Route | None:
    """The served route of a method and path, or None. HEAD is not served."""
    route = _EXACT.get((method, path))
    if route is None and method == "GET" and model_name(path) is not None:
        return MODEL
    return route


def allowed_methods(path: str) -> tuple[str, ...]:
    """The methods that `path` is served with; empty when it is not served at all."""
    if model_name(path) is not None:
        return ("GET",)
    return tuple(sorted(_METHODS.get(path, ())))


def model_name(path: str) -> str | None:
    """The alias in `/v1/models/ALIAS`, or None for another path."""
    for prefix in ("/v1/models/", "/models/"):
        if path.startswith(prefix) and len(path) > len(prefix):
            return path.removeprefix(prefix)
    return None


def markdown_table() -> str:
    """The served routes as a Markdown table, for docs/routes.md."""
    rows = [
        "| Method | Path | Also as | Operation in the log | Errors speak | Answered by |",
        "|---|---|---|---|---|---|",
    ]
    for r in ROUTES:
        also = ", ".join(f"`{p}`" for p in r.paths[1:])
        by = "LiteLLM" if r.endpoint else "the gate"
        logged = f"`{r.operation}`" if r.endpoint else "not logged"
        dialect = {"openai": "OpenAI", "anthropic": "Anthropic"}[r.dialect]
        rows.append(f"| {r.method} | `{r.paths[0]}` | {also} | {logged} | {dialect} | {by} |")
    return "\n".join(rows) + "\n"
