"""Every route that Sekisho serves. What isn't in this table is answered 404."""

import re
from dataclasses import dataclass, replace
from typing import Literal

Dialect = Literal["openai", "anthropic", "google"]
Body = Literal["json", "multipart", "none"]


@dataclass(frozen=True, slots=True)
class Route:
    """One served route and what the gate has to know of it.

    `endpoint` is LiteLLM's own handler as `module:function`; None means that the gate answers.
    `operation` is the row's `gen_ai_operation_name`. `streams` tells that the path asks for a
    stream, as Google's does; elsewhere the body says so. `free` tells that nobody bills it.
    `{model}` in a path is an alias, which may have slashes and colons.
    """

    method: str
    paths: tuple[str, ...]
    operation: str
    dialect: Dialect = "openai"
    body: Body = "json"
    endpoint: str | None = None
    streams: bool = False
    free: bool = False


_PROXY = "litellm.proxy.proxy_server"
_IMAGES = "litellm.proxy.image_endpoints.endpoints"
_ANTHROPIC = "litellm.proxy.anthropic_endpoints.endpoints"
_GOOGLE = "litellm.proxy.google_endpoints.endpoints"

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
        free=True,
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
    Route(
        "POST",
        ("/v1beta/models/{model}:generateContent", "/v1/models/{model}:generateContent"),
        "generate_content",
        dialect="google",
        endpoint=f"{_GOOGLE}:google_generate_content",
    ),
    Route(
        "POST",
        (
            "/v1beta/models/{model}:streamGenerateContent",
            "/v1/models/{model}:streamGenerateContent",
        ),
        "generate_content",
        dialect="google",
        endpoint=f"{_GOOGLE}:google_stream_generate_content",
        streams=True,
    ),
    Route(
        "POST",
        ("/v1beta/models/{model}:countTokens", "/v1/models/{model}:countTokens"),
        "count_tokens",
        dialect="google",
        endpoint=f"{_GOOGLE}:google_count_tokens",
        free=True,
    ),
)

# What MCP clients send goes to one of these; the message says what it is about (mcp_call.py).
_MCP_PATHS = ("/mcp", "/mcp/{server}")
_MCP_SERVER = "litellm.proxy._experimental.mcp_server.server:server"
MCP = Route("POST", _MCP_PATHS, "mcp", endpoint=_MCP_SERVER, free=True)
MCP_TOOL_CALL = replace(MCP, operation="mcp_tool_call")
MCP_PROMPT_GET = replace(MCP, operation="mcp_prompt_get")
MCP_RESOURCE_READ = replace(MCP, operation="mcp_resource_read")
MCP_CALLS = (MCP_TOOL_CALL, MCP_PROMPT_GET, MCP_RESOURCE_READ)

MODELS = Route("GET", ("/v1/models", "/models"), "list_models", body="none")
MODEL = Route("GET", ("/v1/models/{model}", "/models/{model}"), "get_model", body="none")
GOOGLE_MODELS = Route("GET", ("/v1beta/models",), "list_models", dialect="google", body="none")
GOOGLE_MODEL = Route("GET", ("/v1beta/models/{model}",), "get_model", dialect="google", body="none")
MODEL_INFO = Route("GET", ("/v1/model/info", "/model/info"), "model_info", body="none")
LIVE = Route("GET", ("/health/liveliness", "/health/liveness"), "health", body="none")
READY = Route("GET", ("/health/readiness",), "health", body="none")
METRICS = Route("GET", ("/metrics",), "metrics", body="none")

LISTS = (MODELS, MODEL, GOOGLE_MODELS, GOOGLE_MODEL, MODEL_INFO)
ROUTES = (*INFERENCE, MCP, *LISTS, LIVE, READY, METRICS)

_EXACT = {(r.method, path): r for r in ROUTES for path in r.paths if "{" not in path}
# What stands before and after the alias. Those with something behind it come first: no alias ends
# like one of Google's verbs.
_WITH_ALIAS: list[tuple[str, str, Route]] = sorted(
    (
        (path.partition("{model}")[0], path.partition("{model}")[2], r)
        for r in ROUTES
        for path in r.paths
        if "{model}" in path
    ),
    key=lambda found: not found[1],
)
# A server's name may be followed by a slash, as clients write it, and by nothing else.
_MCP_PATH = re.compile(r"/mcp/?|/mcp/[A-Za-z0-9_]{1,64}/?")
_METHODS: dict[str, set[str]] = {}
for _method, _path in _EXACT:
    if _EXACT[_method, _path] is METRICS:
        continue  # whoever may not read it shall not find it
    _METHODS.setdefault(_path, set()).add(_method)


def find(method: str, path: str) -> Route | None:
    """The served route of a method and path, or None. HEAD is not served."""
    route = _EXACT.get((method, path))
    if route is None and _MCP_PATH.fullmatch(path):
        return MCP if method == MCP.method else None
    if route is None and path not in _METHODS:
        named = _named(path)
        return named[0] if named is not None and named[0].method == method else None
    return route


def allowed_methods(path: str) -> tuple[str, ...]:
    """The methods that `path` is served with; empty when it is not served at all."""
    if _MCP_PATH.fullmatch(path):
        return (MCP.method,)
    named = None if path in _METHODS else _named(path)
    return (named[0].method,) if named is not None else tuple(sorted(_METHODS.get(path, ())))


def model_name(path: str) -> str | None:
    """The alias in `/v1/models/ALIAS` or `/v1beta/models/ALIAS:VERB`, or None for another path."""
    named = _named(path)
    return named[1] if named is not None else None


def with_alias(path: str, alias: str | None) -> str:
    """The path with this alias in place of the one that it names, if it names any."""
    named = _named(path)
    if named is None or alias is None:
        return path
    begin = path.index("/models/") + len("/models/")
    return path[:begin] + alias + path[begin + len(named[1]) :]


def template(path: str) -> str:
    """The path as the log has it: `{model}` stands for an alias, which can be anything, `{server}`
    for an MCP server.
    """
    if _MCP_PATH.fullmatch(path):
        return "/mcp" if path.rstrip("/") == "/mcp" else "/mcp/{server}"
    return with_alias(path, "{model}")


def dialect_at(path: str) -> Dialect:
    """What somebody speaks who asks for a path that isn't there."""
    if path.startswith("/v1/messages"):
        return "anthropic"
    google = path.startswith("/v1beta/") or path.endswith(_VERBS)
    return "google" if google else "openai"


_VERBS = tuple({after for _, after, _ in _WITH_ALIAS if after})


def _named(path: str) -> tuple[Route, str] | None:
    """The route that names an alias in its path, and the alias."""
    for before, after, route in _WITH_ALIAS:
        inside = path.startswith(before) and path.endswith(after)
        if inside and len(path) > len(before) + len(after):
            return route, path[len(before) : len(path) - len(after)]
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
        named = [one.operation for one in (MCP_CALLS if r is MCP else (r,))]
        logged = ", ".join(f"`{name}`" for name in named) if r.endpoint else "not logged"
        dialect = {"openai": "OpenAI", "anthropic": "Anthropic", "google": "Google"}[r.dialect]
        speak = "JSON-RPC" if r is MCP else dialect
        rows.append(f"| {r.method} | `{r.paths[0]}` | {also} | {logged} | {speak} | {by} |")
    return "\n".join(rows) + "\n"
