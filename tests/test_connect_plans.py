"""What each client is told: its own names for address, key, model and sizes."""

import json
from pathlib import Path
from typing import Any

import pytest
from sekisho.connect.clients import CLIENTS
from sekisho.connect.models import Model
from sekisho.connect.plan import File
from sekisho.connect.target import Place, Target

from .connected import GPT, HAIKU, KEY, NOVA, SONNET, URL, WITH_FILES, plan, target

HOME = Path("/home/hanako")


def said(file: File) -> Any:
    """What a new file says."""
    return file.read(file.merged(""))


def files(client: str, model: Model = SONNET, small: Model = HAIKU) -> dict[str, Any]:
    """What the files of a client say, by their paths below the home."""
    found = plan(client, HOME, model, small).files
    return {str(one.path.relative_to(HOME)): said(one) for one in found}


CLAUDE_CODE = {
    "ANTHROPIC_BASE_URL": URL,
    "ANTHROPIC_AUTH_TOKEN": KEY,
    "ANTHROPIC_MODEL": "claude-sonnet-5-5[1m]",
    "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "claude-opus-5-5[1m]",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet-5-5[1m]",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4-5",
    "ANTHROPIC_DEFAULT_FABLE_MODEL": "claude-sonnet-5-5[1m]",
}


def test_claude_code() -> None:
    """Claude Code gets variables; models of a million tokens carry its mark for that."""
    assert files("claude-code") == {".claude/settings.json": {"env": CLAUDE_CODE}}


def test_claude_code_with_another_model() -> None:
    """A model that it doesn't know gets its window and its longest answer, and hits its cache."""
    env = files("claude-code", NOVA, NOVA)[".claude/settings.json"]["env"]
    assert {name: env[name] for name in env if name not in CLAUDE_CODE} == {
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "300000",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "10000",
    }
    assert env["ANTHROPIC_MODEL"] == "nova-pro"


def test_claude_code_managed() -> None:
    """The form for an organisation says the same, without a key."""
    managed = plan("claude-code", HOME).managed[0]
    without_key = {k: v for k, v in CLAUDE_CODE.items() if k != "ANTHROPIC_AUTH_TOKEN"}
    assert managed.path == Path("/etc/claude-code/managed-settings.json")
    assert said(managed) == {"env": without_key}


def test_cline() -> None:
    """Cline's command line gets its provider LiteLLM, chosen."""
    assert files("cline") == {
        ".cline/data/settings/providers.json": {
            "version": 1,
            "lastUsedProvider": "litellm",
            "providers": {
                "litellm": {
                    "settings": {
                        "provider": "litellm",
                        "apiKey": KEY,
                        "model": "claude-sonnet-5-5",
                        "baseUrl": URL,
                    },
                    "updatedAt": "2026-01-01T00:00:00.000Z",
                }
            },
        }
    }


def test_cline_managed() -> None:
    """The remote configuration names the gateway and the models, with caching on."""
    assert said(plan("cline", HOME).managed[0]) == {
        "version": "v1",
        "providerSettings": {
            "LiteLLM": {
                "baseUrl": URL,
                "models": [
                    {"id": alias, "promptCachingEnabled": True}
                    for alias in (
                        "claude-sonnet-5-5",
                        "claude-haiku-4-5",
                        "claude-opus-5-5",
                        "gpt-5.5",
                        "nova-pro",
                    )
                ],
            }
        },
    }


def test_roo_code() -> None:
    """Roo Code gets a profile to import, and VS Code the place of it."""
    assert files("roo-code") == {
        ".roo/sekisho.json": {
            "providerProfiles": {
                "currentApiConfigName": "sekisho",
                "apiConfigs": {
                    "sekisho": {
                        "apiProvider": "litellm",
                        "litellmBaseUrl": URL,
                        "litellmApiKey": KEY,
                        "litellmModelId": "claude-sonnet-5-5",
                        "litellmUsePromptCache": True,
                        "id": "sekisho",
                    }
                },
            },
            "globalSettings": {},
        },
        ".config/Code/User/settings.json": {
            "roo-cline.autoImportSettingsPath": "~/.roo/sekisho.json"
        },
    }


def test_codex() -> None:
    """Codex gets a provider with the Responses API, the model's window, and the key in .env."""
    assert files("codex", GPT) == {
        ".codex/config.toml": {
            "model": "gpt-5.5",
            "model_provider": "sekisho",
            "model_context_window": 922_000,
            "model_providers": {
                "sekisho": {
                    "name": "Sekisho",
                    "base_url": f"{URL}/v1",
                    "env_key": "SEKISHO_KEY",
                    "wire_api": "responses",
                }
            },
        },
        ".codex/.env": {"SEKISHO_KEY": KEY},
    }


def test_opencode() -> None:
    """opencode gets each model with what it can and how much it reads and writes."""
    found = files("opencode")[".config/opencode/opencode.json"]
    provider = found["provider"]["sekisho"]
    assert (found["model"], found["small_model"]) == (
        "sekisho/claude-sonnet-5-5",
        "sekisho/claude-haiku-4-5",
    )
    assert provider["npm"] == "@ai-sdk/openai-compatible"
    assert provider["options"] == {"baseURL": f"{URL}/v1", "apiKey": KEY}
    assert [*provider["models"]][:2] == ["claude-sonnet-5-5", "claude-haiku-4-5"]
    assert provider["models"]["nova-pro"] == {
        "name": "nova-pro",
        "tool_call": True,
        "reasoning": False,
        "attachment": False,
        "modalities": {"input": ["text"], "output": ["text"]},
        "limit": {"context": 300_000, "output": 10_000},
    }


def test_opencode_with_comments(tmp_path: Path) -> None:
    """Where there is an opencode.jsonc and no opencode.json, it is that one."""
    folder = tmp_path / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.jsonc").touch()
    assert plan("opencode", tmp_path).files[0].path == folder / "opencode.jsonc"
    (folder / "opencode.json").touch()
    assert plan("opencode", tmp_path).files[0].path == folder / "opencode.json"


def test_aider() -> None:
    """aider gets options, and sizes of every model under the name that it gives it."""
    found = files("aider")
    assert found[".aider.conf.yml"] == {
        "openai-api-base": f"{URL}/v1",
        "openai-api-key": KEY,
        "model": "openai/claude-sonnet-5-5",
        "weak-model": "openai/claude-haiku-4-5",
        "show-model-warnings": False,
    }
    assert found[".aider.model.metadata.json"]["openai/nova-pro"] == {
        "litellm_provider": "openai",
        "mode": "chat",
        "max_input_tokens": 300_000,
        "max_output_tokens": 10_000,
        "max_tokens": 10_000,
        "supports_vision": False,
    }


def test_continue() -> None:
    """Continue gets the chosen model and the small one, with sizes and abilities."""
    found = files("continue")[".continue/config.yaml"]
    assert (found["name"], found["version"], found["schema"]) == ("Local Config", "1.0.0", "v1")
    assert [one["name"] for one in found["models"]] == [
        "Sekisho claude-sonnet-5-5",
        "Sekisho claude-haiku-4-5",
    ]
    assert found["models"][1] == {
        "name": "Sekisho claude-haiku-4-5",
        "provider": "openai",
        "model": "claude-haiku-4-5",
        "apiBase": f"{URL}/v1",
        "apiKey": KEY,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use", "image_input"],
        "defaultCompletionOptions": {"contextLength": 200_000, "maxTokens": 64_000},
    }


def test_qwen_code() -> None:
    """Qwen Code gets our models in its own list, each with address and sizes."""
    found = files("qwen-code")[".qwen/settings.json"]
    assert found["security"] == {"auth": {"selectedType": "openai"}}
    assert found["model"] == {"name": "claude-sonnet-5-5"}
    assert found["env"] == {"SEKISHO_KEY": KEY}
    assert found["modelProviders"]["openai"][4] == {
        "id": "nova-pro",
        "name": "nova-pro (Sekisho)",
        "baseUrl": f"{URL}/v1",
        "envKey": "SEKISHO_KEY",
        "generationConfig": {
            "contextWindowSize": 300_000,
            "samplingParams": {"max_tokens": 10_000},
        },
    }


def test_gemini_cli() -> None:
    """Gemini CLI gets address and key as variables, and compresses before a small window fills."""
    assert files("gemini-cli", HAIKU) == {
        ".gemini/settings.json": {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "model": {"name": "claude-haiku-4-5", "compressionThreshold": 0.15},
        },
        ".gemini/.env": {"GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_API_KEY": KEY},
    }
    assert files("gemini-cli")[".gemini/settings.json"]["model"] == {"name": "claude-sonnet-5-5"}


def test_chats_in_a_browser() -> None:
    """Open WebUI and NextChat get variables; NextChat's address has no path."""
    assert plan("open-webui", HOME).variables == {
        "OPENAI_API_BASE_URL": f"{URL}/v1",
        "OPENAI_API_KEY": KEY,
        "ENABLE_OLLAMA_API": "false",
        "DEFAULT_MODELS": "claude-sonnet-5-5",
        "TASK_MODEL_EXTERNAL": "claude-haiku-4-5",
    }
    found = plan("nextchat", HOME).variables
    assert found["BASE_URL"] == URL
    assert found["CUSTOM_MODELS"].startswith("-all,+claude-sonnet-5-5@OpenAI,+claude-haiku-4-5@")


def test_sdks() -> None:
    """`sdk` names the variables of all SDKs; one SDK comes with a program."""
    assert plan("sdk", HOME).variables == {
        "OPENAI_BASE_URL": f"{URL}/v1",
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": URL,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "GOOGLE_GEMINI_BASE_URL": URL,
        "GEMINI_API_KEY": KEY,
        "LITELLM_PROXY_API_BASE": URL,
        "LITELLM_PROXY_API_KEY": KEY,
    }
    assert 'model="claude-sonnet-5-5"' in plan("anthropic-python", HOME).example


FOLDERS = {
    "claude-code": ("CLAUDE_CONFIG_DIR", "/x/settings.json"),
    "codex": ("CODEX_HOME", "/x/config.toml"),
    "cline": ("CLINE_DIR", "/x/data/settings/providers.json"),
    "opencode": ("XDG_CONFIG_HOME", "/x/opencode/opencode.json"),
    "qwen-code": ("QWEN_HOME", "/x/settings.json"),
    "continue": ("CONTINUE_GLOBAL_DIR", "/x/config.yaml"),
    "gemini-cli": ("GEMINI_CLI_HOME", "/x/.gemini/settings.json"),
}


@pytest.mark.parametrize("client", FOLDERS)
def test_a_folder_of_ones_own(client: str) -> None:
    """The variable with which a client's folder is moved is heeded."""
    variable, path = FOLDERS[client]
    place = Place(HOME, {variable: "/x"})
    found = CLIENTS[client].plan(Target(URL, KEY, (), SONNET, HAIKU, place))
    assert str(found.files[0].path) == path


def test_macos() -> None:
    """On macOS, VS Code's settings and the organisation's files are elsewhere."""
    place = Place(HOME, {}, "darwin")
    found = CLIENTS["roo-code"].plan(Target(URL, KEY, (), SONNET, HAIKU, place))
    assert found.files[1].path.parts[-5:-1] == ("Library", "Application Support", "Code", "User")
    found = CLIENTS["claude-code"].plan(Target(URL, KEY, (), SONNET, HAIKU, place))
    assert str(found.managed[0].path).startswith("/Library/Application Support/")


@pytest.mark.parametrize("client", CLIENTS)
def test_no_key_is_managed(client: str) -> None:
    """No form for an organisation has a key in it, and each says where it goes or what else."""
    found = CLIENTS[client].plan(target(HOME))
    assert KEY not in json.dumps([said(file) for file in found.managed])
    assert found.managed_notes


@pytest.mark.parametrize("client", CLIENTS)
def test_a_file_with_a_key_is_known_as_such(client: str) -> None:
    """Each file that the key is in is marked secret, and no other."""
    for file in CLIENTS[client].plan(target(HOME)).files:
        assert (KEY in file.merged("")) is file.secret


def test_which_have_files() -> None:
    """The coding tools have files to write; web chats and SDKs are set up with variables."""
    found = {name: client.plan(target(HOME)) for name, client in CLIENTS.items()}
    assert tuple(name for name, one in found.items() if one.files) == WITH_FILES
    assert [name for name, one in found.items() if not one.files and not one.variables] == []
