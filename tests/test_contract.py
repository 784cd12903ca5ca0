"""What gate/ and callbacks/ rely on inside LiteLLM, uvicorn and Starlette.

These are no public interfaces. An upgrade that changes one fails here, by its name, before it
fails anywhere else.
"""

import ast
import asyncio
import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from sekisho import known_sections
from sekisho.gate import clean, litellm_app, surface
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.supervisors import Multiprocess

from .installed import load, parameters, proxy
from .simulators import Simulator

ROOT = Path(__file__).resolve().parents[1]
LITELLM = Path(str(importlib.util.find_spec("litellm").origin)).parent  # type: ignore[union-attr]

# The handlers' parameters. FastAPI fills them from the request, so a new one without a default is
# a new requirement on our clients; `user_api_key_dict` is the one that the gate fills itself.
HANDLERS = {
    "chat": {"request", "fastapi_response", "model", "user_api_key_dict"},
    "responses": {"request", "fastapi_response", "user_api_key_dict"},
    "messages": {"request", "fastapi_response", "user_api_key_dict"},
    "count_tokens": {"request", "user_api_key_dict"},
    "embeddings": {"request", "fastapi_response", "model", "user_api_key_dict"},
    "rerank": {"request", "fastapi_response", "user_api_key_dict"},
    "image_generation": {"request", "fastapi_response", "model", "user_api_key_dict"},
    "image_edit": {
        "request",
        "fastapi_response",
        "model",
        "user_api_key_dict",
        "image",
        "image_array",
        "mask",
        "mask_array",
    },
    "transcription": {"request", "fastapi_response", "file", "user_api_key_dict"},
    "speech": {"request", "fastapi_response", "user_api_key_dict"},
    "generate_content": {"request", "model_name", "fastapi_response", "user_api_key_dict"},
}
_GOOGLE_COUNT = {"request", "model_name"}  # it asks nobody who asks

# LiteLLM at work in our process warns of its own dependencies.
litellm_at_work = pytest.mark.filterwarnings("ignore")

ABSENT = ("litellm_enterprise", "litellm_proxy_extras", "prisma", "polars", "gunicorn")


@pytest.mark.parametrize("route", surface.INFERENCE, ids=lambda route: str(route.operation))
def test_handlers(route: surface.Route) -> None:
    """Each handler is a coroutine function with these parameters and takes the key's holder."""
    proxy()
    handler = litellm_app.load(route)
    assert inspect.iscoroutinefunction(handler)
    found = inspect.signature(handler).parameters
    if route.operation == "count_tokens" and route.dialect == "google":
        assert set(found) == _GOOGLE_COUNT
        return
    assert set(found) == HANDLERS[route.operation]
    assert type(found["user_api_key_dict"].default).__name__ == "Depends"
    required = {name for name, p in found.items() if p.default is inspect.Parameter.empty}
    assert required <= {"request", "fastapi_response", "model_name"}


def test_the_parsed_body_is_taken_over() -> None:
    """LiteLLM takes a body from `scope["parsed_body"]`, as (keys, mapping), without reading it."""
    parsing = load("litellm.proxy.common_utils.http_parsing_utils")
    fields = {"model": "demo", "messages": []}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "parsed_body": (("model", "messages"), fields),
    }

    async def receive() -> Any:
        raise AssertionError("the body was read a second time")

    assert asyncio.run(parsing.read_request_body(Request(scope, receive))) == fields


def test_the_handler_of_proxy_exceptions() -> None:
    """LiteLLM registers a handler for its ProxyException, which we use in our application."""
    exception = load("litellm.proxy._types").ProxyException
    handler = proxy().app.exception_handlers[exception]
    told = exception("no", "some_type", None, 418, openai_code="some_code")
    answer = asyncio.run(handler(Request({"type": "http", "headers": [], "path": "/"}), told))
    assert isinstance(answer, Response)
    assert answer.status_code == 418


def test_the_lifespan() -> None:
    """Start and stop of LiteLLM's proxy are one async context manager of its application."""
    context = proxy().app.router.lifespan_context(proxy().app)
    assert isinstance(context, AbstractAsyncContextManager)


def test_the_list_of_litellms_own_parameters() -> None:
    """The list from which the gate's deny list is made has the dangerous ones."""
    assert {"api_base", "api_key", "mock_response", "no-log", "fallbacks"} <= set(parameters())
    assert litellm_app.litellm_fields() == parameters()


def test_the_identity_that_litellm_gets() -> None:
    """LiteLLM's key object has the fields that we fill, and hashes nothing of a key's id."""
    auth = load("sekisho.callbacks.auth")
    identity = load("sekisho.keys.identity").Identity("key_1", "a", "person", "a@example.com", "t")
    given = auth.as_litellm(identity)
    assert (given.api_key, given.key_alias, given.user_id) == ("key_1", "a", "key_1")
    assert (given.team_id, given.end_user_id) == ("t", "key_1")


def test_custom_auth_is_called_by_keyword() -> None:
    """A stock LiteLLM without litellm-enterprise calls custom_auth with these two names."""
    source = LITELLM / "proxy" / "auth" / "user_api_key_auth.py"
    assert "user_custom_auth(request=request, api_key=api_key)" in source.read_text()
    auth = load("sekisho.callbacks.auth")
    assert list(inspect.signature(auth.custom_auth).parameters) == ["request", "api_key"]


@pytest.mark.parametrize(
    "hook",
    [
        "async_pre_call_deployment_hook",
        "async_post_call_success_deployment_hook",
        "async_post_call_failure_deployment_hook",
    ],
)
def test_hooks(hook: str) -> None:
    """Our logger's hooks have LiteLLM's parameters, by name: it calls them by keyword."""
    theirs = load("litellm.integrations.custom_logger").CustomLogger
    ours = load("sekisho.callbacks.attempts").AttemptLogger
    names = [list(inspect.signature(getattr(kind, hook)).parameters) for kind in (theirs, ours)]
    assert names[0] == names[1]


def demo_router(monkeypatch: pytest.MonkeyPatch, *callbacks: Any) -> Any:
    """LiteLLM's router with the demo model and these callbacks."""
    litellm = load("litellm")
    handler = load("sekisho.callbacks.demo").handler
    entries = [{"provider": "demo", "custom_handler": handler}]
    monkeypatch.setattr(litellm, "custom_provider_map", entries)
    monkeypatch.setattr(litellm, "callbacks", list(callbacks))
    load("litellm.utils").custom_llm_setup()
    model = {
        "model_name": "demo",
        "litellm_params": {"model": "demo/echo-1"},
        "model_info": {"id": "demo@demo", "mode": "chat"},
    }
    return load("litellm.router").Router(model_list=[model])


SAY = [{"role": "user", "content": "Good day"}]


@litellm_at_work
def test_the_demo_model_is_a_custom_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM asks our CustomLLM for the provider that `custom_provider_map` names."""
    router = demo_router(monkeypatch)
    answer = asyncio.run(router.acompletion(model="demo", messages=SAY))
    assert answer.choices[0].message.content == "This is Sekisho's demo model. You said: Good day"
    vectors = asyncio.run(router.aembedding(model="demo", input=["a", "b"]))
    assert len(vectors.data) == 2


@litellm_at_work
@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("acompletion", {"messages": SAY}),
        ("aembedding", {"input": "a"}),
        ("aresponses", {"input": "a"}),
        ("aanthropic_messages", {"messages": SAY, "max_tokens": 9}),
    ],
)
def test_where_a_deployments_id_is(
    monkeypatch: pytest.MonkeyPatch, method: str, asked: dict[str, Any]
) -> None:
    """The logger finds the deployment's id in each API's hook, once for one call."""
    attempts = load("sekisho.callbacks.attempts")
    router = demo_router(monkeypatch, attempts.logger)

    async def call() -> Any:
        noted = attempts.Attempts()
        attempts.current.set(noted)
        await getattr(router, method)(model="demo", **asked)
        return noted

    noted = asyncio.run(call())
    assert [attempt.deployment_id for attempt in noted.tried] == ["demo@demo"]


class _Counting:
    """Stands for the bridge from speech to chat; answers at once, as LiteLLM's own does."""

    def __init__(self) -> None:
        self.calls = 0

    def speech(self, **_: Any) -> str:
        self.calls += 1
        return "sound"


@litellm_at_work
def test_the_speech_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM looks the bridge up at each call, and calls it twice for one speech.

    When it calls it once, callbacks/gemini_speech.py has done its duty: remove it.
    """
    bridge = load("litellm.endpoints.speech.speech_to_completion_bridge.handler")
    counting = _Counting()
    monkeypatch.setattr(bridge, "speech_to_completion_bridge_handler", counting)
    speak = load("litellm").aspeech
    arguments = {"model": "vertex_ai/gemini-2.5-flash-preview-tts", "voice": "Kore"}
    assert asyncio.run(speak(input="Good day", **arguments)) == "sound"
    assert counting.calls == 2


def test_what_the_repaired_counts_replace() -> None:
    """callbacks/lost_counts.py replaces these by name; they are there to be replaced."""
    for module in ("litellm.llms.bedrock.embed.embedding", "litellm.llms.cohere.embed.handler"):
        assert callable(load(module).get_async_httpx_client)
    assert inspect.isclass(load("litellm.llms.vertex_ai.image_edit").VertexAIGeminiImageEditConfig)
    transformation = load("litellm.responses.litellm_completion_transformation.transformation")
    config = transformation.LiteLLMCompletionResponsesConfig
    assert callable(config.transform_chat_completion_usage_to_responses_usage)
    assert callable(config._transform_chat_completion_usage_to_responses_usage)


def test_what_the_left_out_log_replaces() -> None:
    """callbacks/success_log.py replaces two methods by name, and counts as the router does."""
    logging = load("litellm.litellm_core_utils.litellm_logging").Logging
    assert inspect.iscoroutinefunction(logging.async_success_handler)
    assert callable(logging.response_cost_calculator)
    metrics = load("litellm.router_utils.router_callbacks.track_deployment_metrics")
    count = metrics.increment_deployment_successes_for_current_minute
    assert list(inspect.signature(count).parameters) == ["litellm_router_instance", "deployment_id"]


@litellm_at_work
def test_a_cooldown_of_zero_is_none() -> None:
    """LiteLLM leaves a deployment alone for 0 seconds by not leaving it alone at all."""
    handlers = load("litellm.router_utils.cooldown_handlers")
    model = {
        "model_name": "m",
        "litellm_params": {"model": "openai/m", "api_key": "k"},
        "model_info": {"id": "m@custom"},
    }
    router = load("litellm.router").Router(model_list=[model])
    error = load("litellm").exceptions.NotFoundError("no", "m", "openai")

    async def cooled(seconds: float) -> bool:
        given: bool = handlers.set_cooldown_deployments(
            litellm_router_instance=router,
            exception_status=404,
            original_exception=error,
            deployment="m@custom",
            time_to_cooldown=seconds,
        )
        return given

    assert asyncio.run(cooled(0)) is False
    assert asyncio.run(cooled(20)) is True


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/chat/completions", "gpt-4.1"),
        ("/v1/responses", "gpt-4.1"),
        ("/v1/messages", "gpt-4.1"),
        ("/v1/messages", "claude-sonnet-4-6-vertex"),
        ("/v1/messages", "claude-sonnet-4-6-bedrock"),
        ("/v1/responses", "claude-sonnet-4-6-vertex"),
    ],
)
def test_an_only_deployment_never_cools_down(
    client: httpx.Client, clouds: Simulator, path: str, model: str, status: int
) -> None:
    """After an error on any API the provider is asked again at once; it isn't an outage."""
    text = f"[[sim:status {status}]]"
    asked = {"model": model, "max_tokens": 50}
    for content, expected in ((text, status), ("hello", 200)):
        turn = [{"role": "user", "content": content}]
        said = {"input": content} if path == "/v1/responses" else {"messages": turn}
        clouds.clear()
        answer = client.post(path, json={**asked, **said})
        assert answer.status_code == expected, answer.text
        assert len([e for e in clouds.journal() if e["path"] != "/token"]) == 1


def test_known_sections() -> None:
    """known_sections.yaml is what the installed LiteLLM knows: `python -m sekisho.known_sections`.

    In a process of its own: a LiteLLM that runs has set switches that it doesn't declare.
    """
    command = [sys.executable, "-m", "sekisho.known_sections"]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert yaml.safe_load(done.stdout) == known_sections.KNOWN
    kept = (ROOT / "known_sections.yaml").read_text()
    assert done.stdout.splitlines()[0] == kept.splitlines()[0]


def test_uvicorn() -> None:
    """The server classes take what gate/server.py gives them."""
    assert list(inspect.signature(Multiprocess.__init__).parameters) == [
        "self",
        "config",
        "sockets",
    ]
    assert list(inspect.signature(uvicorn.Server.run).parameters) == ["self", "sockets"]
    options = set(inspect.signature(uvicorn.Config.__init__).parameters)
    server = ast.parse((ROOT / "gate" / "server.py").read_text())
    given = {
        str(key.value)
        for node in ast.walk(server)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert {"timeout_graceful_shutdown", "proxy_headers", "lifespan"} <= given
    assert given - {"0.0.0.0", "::"} <= options
    assert uvicorn.Server(uvicorn.Config("nothing:here")).started is False


@pytest.mark.parametrize("package", ABSENT)
def test_what_is_not_installed(package: str) -> None:
    """These can't be imported where the tests run, so the gateway runs without them."""
    assert importlib.util.find_spec(package) is None
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version(package.replace("_", "-"))


def _sources() -> Iterator[Path]:
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] not in (".venv", "build", "tests", "benchmarks"):
            yield path


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)


def test_only_two_rooms_know_litellms_proxy() -> None:
    """Nothing outside gate/ and callbacks/ imports LiteLLM, but the tool that lists its keys."""
    rooms = {
        str(path.relative_to(ROOT).parts[0])
        for path in _sources()
        for name in _imports(path)
        if name.split(".")[0] == "litellm"
    }
    assert rooms == {"gate", "callbacks", "known_sections.py"}


def test_litellm_is_pinned() -> None:
    """The installed LiteLLM is the one that pyproject.toml and requirements.txt name."""
    installed = importlib.metadata.version("litellm")
    assert f'"litellm=={installed}"' in (ROOT / "pyproject.toml").read_text()
    assert f"\nlitellm=={installed} " in (ROOT / "requirements.txt").read_text()


def test_requirements() -> None:
    """Every requirement is pinned and hashed; there is no address and no forbidden package."""
    text = (ROOT / "requirements.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    names: set[str] = set()
    for block in blocks:
        first = block.split("\n")[0]
        match = re.fullmatch(r"([a-z0-9._-]+)(?:\[[a-z,]+\])?==[^ ;]+(?: ; .+)? \\", first)
        assert match, first
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), first
        names.add(match[1])
    assert {"litellm", "duckdb", "uvicorn"} <= names
    assert not names & {package.replace("_", "-") for package in ABSENT}


# Names that LiteLLM reads from a request beside those that the gate takes out.
_KWARGS = (
    "(?:kwargs|optional_params|non_default_params|litellm_params|litellm_params_dict"
    "|request_kwargs|inference_params|additional_kwargs|DATA)"
)
_READ = _KWARGS + r'(?:\.(?:get|pop)\(\s*|\[\s*)"([A-Za-z_0-9\-]+)"'
_FILES = (
    "main.py",
    "router.py",
    "utils.py",
    "completion_extras",
    "endpoints",
    "images",
    "rerank_api",
    "responses",
    "router_utils",
    "llms/anthropic",
    "llms/azure",
    "llms/azure_ai",
    "llms/base_llm",
    "llms/bedrock",
    "llms/cohere",
    "llms/custom_httpx/llm_http_handler.py",
    "llms/openai",
    "llms/openai_like",
    "llms/vertex_ai",
    "litellm_core_utils",
    "proxy/common_request_processing.py",
    "proxy/litellm_pre_call_utils.py",
    "proxy/route_llm_request.py",
)


def _names_litellm_reads() -> Iterator[str]:
    for name in _FILES:
        place = LITELLM / name
        # The proxy keeps the request in `data`; a provider's code keeps the answer there.
        pattern = re.compile(_READ.replace("DATA", "data" if name.startswith("proxy") else "kw"))
        for path in [place] if place.suffix else sorted(place.rglob("*.py")):
            yield from pattern.findall(path.read_text())


def test_every_name_that_litellm_reads_is_known() -> None:
    """A request field that LiteLLM acts on is denied by gate/clean.py, or was found harmless.

    `model_id` is why: undeclared, it made Bedrock serve another model than the one that the key
    was allowed and the row priced. Before a name is added to tests/harmless_parameters.txt, look
    at what LiteLLM does with it.
    """
    cleaner = clean.Cleaner(parameters())
    harmless = set((ROOT / "tests" / "harmless_parameters.txt").read_text().split())
    read = {name for name in _names_litellm_reads() if not cleaner.steers(name)}
    assert sorted(read - harmless) == []
    assert sorted(name for name in harmless if cleaner.steers(name)) == []
