"""The lists of models, in the shape that each client reads, and the names that clients ask for."""

import json
from typing import Any

import anthropic
import httpx
import pytest

from .gateway import Gateway

Json = dict[str, Any]
ANTHROPIC = {"anthropic-version": "2023-06-01"}
CLAUDE_CODE = {**ANTHROPIC, "user-agent": "claude-cli/2.1.329 (external, cli)"}
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def few(gateway: Gateway) -> str:
    """A key for four models: two of Claude's, one of OpenAI's, and one that makes vectors."""
    names = "claude-haiku-4-5,claude-opus-5-5,gpt-5.5,titan-embed-text-v2"
    return gateway.issue("four-models", models=names)


def listed(gateway: Gateway, key: str, path: str, headers: Json | None = None) -> Json:
    """What a list answers."""
    answer = httpx.get(
        gateway.url + path, headers={"authorization": f"Bearer {key}", **(headers or {})}
    )
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_openais_list(gateway: Gateway, few: str) -> None:
    """OpenAI's list has the models that the key may use."""
    found = listed(gateway, few, "/v1/models")
    assert found["object"] == "list"
    assert found["data"][0] == {
        "id": "claude-haiku-4-5",
        "object": "model",
        "created": 1767225600,
        "owned_by": "sekisho",
    }
    names = ["claude-haiku-4-5", "claude-opus-5-5", "gpt-5.5", "titan-embed-text-v2"]
    assert [model["id"] for model in found["data"]] == names


def test_anthropics_list(gateway: Gateway, few: str) -> None:
    """Anthropic's list has names for people, and sizes."""
    found = listed(gateway, few, "/v1/models", ANTHROPIC)
    assert found["data"][0] == {
        "type": "model",
        "id": "claude-haiku-4-5",
        "display_name": "Claude Haiku 4.5",
        "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "lifecycle": "active",
    }
    assert (found["first_id"], found["last_id"]) == ("claude-haiku-4-5", "titan-embed-text-v2")
    assert found["has_more"] is False


@pytest.mark.parametrize(
    ("query", "names", "more"),
    [
        ("limit=2", ["claude-haiku-4-5", "claude-opus-5-5"], True),
        ("limit=2&after_id=claude-opus-5-5", ["gpt-5.5", "titan-embed-text-v2"], False),
        ("limit=1&before_id=gpt-5.5", ["claude-opus-5-5"], True),
        ("before_id=gpt-5.5", ["claude-haiku-4-5", "claude-opus-5-5"], False),
        ("limit=1000&after_id=titan-embed-text-v2", [], False),
    ],
)
def test_pages(gateway: Gateway, few: str, query: str, names: list[str], more: bool) -> None:
    """Anthropic's list comes in pages, forwards and backwards."""
    found = listed(gateway, few, f"/v1/models?{query}", ANTHROPIC)
    assert [model["id"] for model in found["data"]] == names
    assert found["has_more"] is more
    assert (found["first_id"], found["last_id"]) == (
        (names[0], names[-1]) if names else (None, None)
    )


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after_id=nowhere"])
def test_a_page_that_is_none(gateway: Gateway, few: str, query: str) -> None:
    """A page that can't be is a 400 in Anthropic's shape."""
    headers = {"x-api-key": few, **ANTHROPIC}
    answer = httpx.get(f"{gateway.url}/v1/models?{query}", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_anthropics_sdk_turns_the_pages(gateway: Gateway, few: str) -> None:
    """Anthropic's SDK finds every model, one a page."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=few, max_retries=0) as client:
        found = [(model.id, model.max_input_tokens) for model in client.models.list(limit=1)]
    assert found == [
        ("claude-haiku-4-5", 200_000),
        ("claude-opus-5-5", 1_000_000),
        ("gpt-5.5", 922_000),
        ("titan-embed-text-v2", 8_192),
    ]


def test_claude_codes_picker(gateway: Gateway, few: str) -> None:
    """Claude Code is told names that it shows, marks for large windows, and nothing but chat."""
    found = listed(gateway, few, "/v1/models?limit=1000", CLAUDE_CODE)
    assert [(model["id"], model["display_name"]) for model in found["data"]] == [
        ("claude-haiku-4-5", "Claude Haiku 4.5"),
        ("claude-opus-5-5[1m]", "Claude Opus 5.5 (1M)"),
        ("claude-gateway-gpt-5.5", "gpt-5.5"),
    ]


@pytest.mark.parametrize(
    ("asked", "alias"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-haiku-4-5-20251001[1m]", "claude-haiku-4-5"),
        ("claude-gateway-gpt-5.5", "gpt-5.5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
    ],
)
def test_the_names_that_claude_code_asks_for(
    gateway: Gateway, few: str, asked: str, alias: str
) -> None:
    """Names with a date, with the mark of a large window, or from the picker mean their alias,
    and the row says which."""
    headers = {"x-api-key": few, **CLAUDE_CODE}
    body = {"model": asked, "max_tokens": 50, "messages": HELLO}
    answer = httpx.post(gateway.url + "/v1/messages", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    row = gateway.row(answer)
    assert (row.gen_ai_request_model, row.status) == (alias, "success")
    one = httpx.get(f"{gateway.url}/v1/models/{asked}", headers=headers)
    assert one.json()["id"] == alias


@pytest.mark.parametrize("name", ["claude-haiku-4-6-20251001", "gpt-5.5-2026-04-23", "[1m]"])
def test_other_names_mean_nothing(gateway: Gateway, few: str, name: str) -> None:
    """A date or mark behind what is no alias, or no Claude, helps nobody: 404."""
    body = {"model": name, "max_tokens": 50, "messages": HELLO}
    answer = httpx.post(gateway.url + "/v1/messages", json=body, headers={"x-api-key": few})
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


def test_a_key_stays_within_its_models(gateway: Gateway, few: str) -> None:
    """A spelling of a model that the key may not use is refused as the model is."""
    body = {"model": "claude-sonnet-4-6[1m]", "max_tokens": 50, "messages": HELLO}
    answer = httpx.post(gateway.url + "/v1/messages", json=body, headers={"x-api-key": few})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_codexs_catalogue(gateway: Gateway, few: str) -> None:
    """Codex gets its own entries for models that it knows, with windows no larger than ours."""
    found = listed(gateway, few, "/v1/models?client_version=0.169.0")["models"]
    assert [model["slug"] for model in found] == [
        "gpt-5.5",
        "claude-haiku-4-5",
        "claude-opus-5-5",
    ]
    known = found[0]
    assert (known["context_window"], known["apply_patch_tool_type"]) == (272_000, "freeform")
    windows = {model["slug"]: model["context_window"] for model in found}
    assert windows["claude-haiku-4-5"] == 200_000
    assert windows["claude-opus-5-5"] == 1_000_000
    assert all(model["visibility"] == "list" and model["base_instructions"] for model in found[1:])


def test_codexs_limit(gateway: Gateway, key: str) -> None:
    """The whole catalogue is less than the megabyte that Codex reads: the most useful ones."""
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.get(f"{gateway.url}/v1/models?client_version=0.169.0", headers=headers)
    assert 200_000 < len(answer.content) <= 1_048_576
    slugs = [model["slug"] for model in answer.json()["models"]]
    assert slugs[0].startswith("gpt-")
    assert {"gpt-5.5", "claude-opus-5-5", "claude-sonnet-4-6", "gemini-3.8-flash"} <= set(slugs)
    assert "titan-embed-text-v2" not in slugs


def test_model_info(gateway: Gateway, few: str) -> None:
    """Cline and Roo Code learn sizes, prices for one token, and abilities."""
    found = listed(gateway, few, "/v1/model/info")
    assert found == listed(gateway, few, "/model/info")
    assert found["data"][0] == {
        "model_name": "claude-haiku-4-5",
        "litellm_params": {"model": "claude-haiku-4-5"},
        "model_info": {
            "mode": "chat",
            "max_input_tokens": 200_000,
            "max_output_tokens": 64_000,
            "max_tokens": 64_000,
            "input_cost_per_token": 1e-06,
            "output_cost_per_token": 5e-06,
            "cache_read_input_token_cost": 1e-07,
            "cache_creation_input_token_cost": 1.25e-06,
            "cache_creation_input_token_cost_above_1hr": 2e-06,
            "supports_function_calling": True,
            "supports_vision": True,
            "supports_reasoning": True,
            "supports_prompt_caching": True,
            "supports_response_schema": True,
            "supports_pdf_input": True,
            "supports_audio_input": False,
            "supports_video_input": False,
            "supports_web_search": False,
        },
    }
    names = ["claude-haiku-4-5", "claude-opus-5-5", "gpt-5.5", "titan-embed-text-v2"]
    assert [model["model_name"] for model in found["data"]] == names


def test_an_alias_on_several_clouds_promises_the_least(gateway: Gateway, key: str) -> None:
    """An alias with several deployments has the smallest sizes, and what all of them can."""
    found = listed(gateway, key, "/v1/model/info")["data"]
    infos = {model["model_name"]: model["model_info"] for model in found}
    assert infos["gpt-6-astra"]["max_input_tokens"] == 922_000
    assert infos["gpt-6-astra-bedrock"]["max_input_tokens"] == 1_050_000
    assert infos["gpt-6-astra"]["supports_web_search"] is False
    assert infos["gpt-6-astra-azure"]["supports_web_search"] is True
    assert infos["claude-sonnet-4-6"]["max_output_tokens"] == 64_000


def test_model_info_tells_nothing_of_the_clouds(gateway: Gateway, key: str) -> None:
    """No list has a provider's address, project, region, account or name of a model."""
    secrets = ["127.0.0.1", "simulated", "us-east-1", "global.", "vertex_ai", "bedrock/", "@azure"]
    secrets.append(gateway.variables["VERTEXAI_PROJECT"])
    for path in ("/v1/model/info", "/v1/models", "/v1beta/models"):
        told = json.dumps(listed(gateway, key, path))
        assert [secret for secret in secrets if secret in told] == [], path


def test_googles_list(gateway: Gateway, few: str) -> None:
    """Google's list has what can be asked there, page by page."""
    found = listed(gateway, few, "/v1beta/models")
    assert found["models"][0] == {
        "name": "models/claude-haiku-4-5",
        "version": "1",
        "displayName": "claude-haiku-4-5",
        "description": "claude-haiku-4-5, by way of this gateway.",
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
        "inputTokenLimit": 200_000,
        "outputTokenLimit": 64_000,
        "thinking": True,
    }
    assert len(found["models"]) == 3
    assert "nextPageToken" not in found
    first = listed(gateway, few, "/v1beta/models?pageSize=2")
    rest = listed(gateway, few, f"/v1beta/models?pageSize=2&pageToken={first['nextPageToken']}")
    names = [model["name"] for model in (*first["models"], *rest["models"])]
    assert names == ["models/claude-haiku-4-5", "models/claude-opus-5-5", "models/gpt-5.5"]
    assert "nextPageToken" not in rest


def test_one_model(gateway: Gateway, few: str) -> None:
    """One model is told in the dialect of its path or header."""
    paths = ("/v1/models/gpt-5.5", "/v1beta/models/gpt-5.5")
    openai, google = (listed(gateway, few, path) for path in paths)
    anthropics = listed(gateway, few, "/v1/models/gpt-5.5", ANTHROPIC)
    assert (openai["id"], google["name"], anthropics["type"]) == (
        "gpt-5.5",
        "models/gpt-5.5",
        "model",
    )


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/models/gpt-5.6", {}),
        ("/v1/models/gpt-5.6", ANTHROPIC),
        ("/v1beta/models/gpt-5.6", {}),
    ],
    ids=["openai", "anthropic", "google"],
)
def test_a_model_that_is_not_there(
    gateway: Gateway, few: str, path: str, headers: dict[str, str]
) -> None:
    """An unknown model is a 404 that names the nearest, in each dialect's shape."""
    answer = httpx.get(gateway.url + path, headers={"x-api-key": few, **headers})
    assert answer.status_code == 404
    assert "did you mean gpt-5.5?" in answer.json()["error"]["message"]
