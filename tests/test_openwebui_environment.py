"""The set-up of a fresh Open WebUI as variables."""

import json
import shlex

from sekisho.connect.models import Model
from sekisho.frontends.open_webui import environment, wanted
from sekisho.frontends.open_webui.environment import Site

from .connected import HAIKU, KEY, SONNET

URL = "http://gateway:4000"
SITE = Site(URL, KEY, "https://chat.corp.example", "corp.example", "https://idp.example")


def model(alias: str, mode: str) -> Model:
    """A model for something else than conversations."""
    return Model(alias, None, None, False, False, False, mode)


MODELS = (
    SONNET,
    HAIKU,
    model("titan-embed-text-v2", "embedding"),
    model("text-embedding-3-small", "embedding"),
    model("gpt-image-2", "image"),
    model("gpt-4o-transcribe", "transcription"),
    model("gpt-4o-mini-tts", "speech"),
)


def variables(site: Site = SITE, models: tuple[Model, ...] = MODELS) -> dict[str, str]:
    """What a shell would have read from the lines."""
    lines = environment.lines(environment.parts(site, models))
    words = [shlex.split(line, comments=True) for line in lines]
    return dict(word.split("=", 1) for found in words for word in found)


def test_the_gateway_is_the_only_connection() -> None:
    """The connection is what `install` would make: with key, and headers for message and task."""
    found = variables()
    assert found["OPENAI_API_BASE_URLS"] == "http://gateway:4000/v1"
    assert found["OPENAI_API_KEYS"] == KEY
    assert found["ENABLE_OLLAMA_API"] == "false"
    configs = json.loads(found["OPENAI_API_CONFIGS"])
    assert configs["0"]["headers"] == {
        "X-OpenWebUI-Message-Id": "{{MESSAGE_ID}}",
        "X-OpenWebUI-Task": "{{TASK}}",
    }
    there = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [found["OPENAI_API_BASE_URLS"]],
        "OPENAI_API_KEYS": [found["OPENAI_API_KEYS"]],
        "OPENAI_API_CONFIGS": configs,
    }
    assert wanted.connection_change(there, "http://gateway:4000/v1", KEY) is None


def test_users_are_forwarded_and_the_secret_is_not_printed() -> None:
    """The signing secret is named by the variable that the gateway has too."""
    lines = [*environment.lines(environment.parts(SITE, MODELS))]
    assert "ENABLE_FORWARD_USER_INFO_HEADERS=true" in lines
    assert "FORWARD_USER_INFO_HEADER_JWT_SECRET=${SEKISHO_OPENWEBUI_JWT_SECRET}" in lines


def test_models() -> None:
    """People start with the newest, titles are for the small one, tool schemas are off."""
    found = variables()
    assert found["DEFAULT_MODELS"] == "claude-sonnet-5-5"
    assert found["TASK_MODEL_EXTERNAL"] == "claude-haiku-4-5"
    assert json.loads(found["DEFAULT_MODEL_METADATA"]) == {
        "capabilities": {"builtin_tools": False, "usage": True}
    }
    assert found["BYPASS_MODEL_ACCESS_CONTROL"] == "true"


def test_a_group_needs_grants() -> None:
    """With --group nobody sees a model before `install` has granted it."""
    private = Site(URL, KEY, "https://c.example", "c.example", "https://i.example", private=True)
    assert variables(private)["BYPASS_MODEL_ACCESS_CONTROL"] == "false"


def test_embeddings_pictures_and_sound_go_through_the_gateway() -> None:
    """Each kind has the gateway's address and key, and a model that Open WebUI was tried with."""
    found = variables()
    for name in ("RAG", "IMAGES", "AUDIO_STT", "AUDIO_TTS"):
        assert found[f"{name}_OPENAI_API_BASE_URL"] == "http://gateway:4000/v1"
        assert found[f"{name}_OPENAI_API_KEY"] == KEY
    assert found["RAG_EMBEDDING_MODEL"] == "text-embedding-3-small"
    assert found["RAG_EMBEDDING_BATCH_SIZE"] == "32"
    assert found["IMAGE_GENERATION_MODEL"] == "gpt-image-2"
    assert found["IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN"] == ".*"
    assert found["AUDIO_STT_MODEL"] == "gpt-4o-transcribe"
    assert found["AUDIO_TTS_MODEL"] == "gpt-4o-mini-tts"


def test_what_the_gateway_does_not_have_is_left_out() -> None:
    """Without models there is no variable that names one."""
    found = variables(models=())
    named = ("DEFAULT_MODELS", "TASK_MODEL_EXTERNAL", "RAG_EMBEDDING_MODEL", "AUDIO_TTS_MODEL")
    assert not set(named) & found.keys()
    assert "ENABLE_IMAGE_GENERATION" not in found
    assert "TOOL_SERVER_CONNECTIONS" not in found


def test_sign_in_for_one_domain() -> None:
    """People come in by OIDC with an address of that domain; passwords are refused."""
    found = variables()
    assert found["OAUTH_ALLOWED_DOMAINS"] == "corp.example"
    discovery = "https://idp.example/.well-known/openid-configuration"
    assert found["OPENID_PROVIDER_URL"] == discovery
    assert found["OAUTH_SCOPES"] == "openid email profile"
    callback = "https://chat.corp.example/oauth/oidc/login/callback"
    assert found["OPENID_REDIRECT_URI"] == callback
    assert found["ENABLE_PASSWORD_AUTH"] == "false"
    assert found["OAUTH_CLIENT_SECRET"] == "${OAUTH_CLIENT_SECRET}"


def test_mcp_servers() -> None:
    """Each server of the gateway is one of Open WebUI's, with the same key."""
    site = Site(URL, KEY, "https://c.example", "c.example", "https://i.example", mcp=("wiki",))
    servers = json.loads(variables(site)["TOOL_SERVER_CONNECTIONS"])
    assert [(one["url"], one["type"], one["key"]) for one in servers] == [
        ("http://gateway:4000/mcp/wiki", "mcp", KEY)
    ]
    assert servers[0]["info"] == {"id": "wiki", "name": "wiki", "description": ""}
