"""`mcp_servers:` in the configuration: what reaches LiteLLM, and what each mistake is told."""

from pathlib import Path

import pytest
import yaml
from sekisho import config
from sekisho.settings import SettingsError

START = "model_list: []\n"


def load(tmp_path: Path, text: str) -> config.Configuration:
    """A configuration of this file."""
    path = tmp_path / "litellm_config.yaml"
    path.write_text(START + text)
    return config.load({}, {"SEKISHO_HOME": str(tmp_path), "SEKISHO_CONFIG": str(path)})


def test_servers_and_grants_are_read(tmp_path: Path) -> None:
    """LiteLLM gets the servers as they are written, secrets as references; teams get theirs."""
    text = (
        "mcp_servers:\n"
        "  wiki: {url: 'https://wiki/mcp', auth_type: bearer_token, auth_value: os.environ/KEY}\n"
        "  calc: {url: os.environ/CALC_URL, transport: sse}\n"
        "sekisho: {mcp: {teams: {research: [wiki], sums: ['*']}}}\n"
    )
    found = load(tmp_path, text)
    assert found.litellm["mcp_servers"] == {
        "wiki": {
            "url": "https://wiki/mcp",
            "auth_type": "bearer_token",
            "auth_value": "os.environ/KEY",
        },
        "calc": {"url": "os.environ/CALC_URL", "transport": "sse"},
    }
    assert found.settings.mcp_of_teams == {"research": ("wiki",), "sums": ("*",)}
    written = yaml.safe_load(config.write_for_litellm(found).read_text())
    assert written["mcp_servers"] == found.litellm["mcp_servers"]


def test_there_need_be_none(tmp_path: Path) -> None:
    """Without the section LiteLLM's file has none either."""
    assert "mcp_servers" not in load(tmp_path, "").litellm


AT = "litellm_config.yaml: mcp_servers: "


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mcp_servers: [a]", AT + "must be a mapping of names to servers"),
        ("mcp_servers: {a-b: {url: 'http://x'}}", AT + "a-b: a name has 1 to 64 letters, digits"),
        ("mcp_servers: {all: {url: 'http://x'}}", AT + "all: a name has 1 to 64 letters, digits"),
        ("mcp_servers: {a: x}", AT + "a: must be a mapping with a url"),
        ("mcp_servers: {a: {}}", AT + "a: url must be http:// or https://"),
        ("mcp_servers: {a: {url: /x}}", AT + "a: url must be http:// or https://"),
        ("mcp_servers: {a: {url: 'http://[::1'}}", AT + "a: url must be http:// or https://"),
        ("mcp_servers: {a: {url: 'http://x:99999'}}", AT + "a: url must be http:// or https://"),
        (
            "mcp_servers: {wiki: {url: 'http://x'}, Wiki: {url: 'http://y'}}",
            AT + "Wiki: LiteLLM takes names that differ in case only for one",
        ),
        ("mcp_servers: {a: {urll: x}}", AT + "a: unknown key urll: did you mean url?"),
        ("mcp_servers: {a: {command: rm}}", AT + "a: unknown key command: known keys: url,"),
        (
            "mcp_servers: {a: {url: 'http://x', allow_all_keys: true}}",
            AT + "a: unknown key allow_all_keys: ",
        ),
        (
            "mcp_servers: {a: {url: 'http://x', transport: stdio}}",
            AT + "a: transport must be one of http, sse",
        ),
        (
            "mcp_servers: {a: {url: 'http://x', auth_type: oauth2}}",
            AT + "a: auth_type must be one of none, api_key, ",
        ),
        (
            "mcp_servers: {a: {url: 'http://x', allowed_tools: add}}",
            AT + "a: allowed_tools must be a list of names of tools",
        ),
        (
            "mcp_servers: {wiki: {url: 'http://x'}}\nsekisho: {mcp: {teams: {a: [wikki]}}}",
            "litellm_config.yaml: sekisho: mcp: teams: a: there is no MCP server wikki: did you "
            "mean wiki?",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    """Each mistake is one line that says where it is and what would be right."""
    with pytest.raises(config.ConfigurationError) as error:
        load(tmp_path, text)
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sekisho: {mcp: [a]}", "litellm_config.yaml: sekisho: mcp: must be a mapping, as"),
        ("sekisho: {mcp: {team: {}}}", "litellm_config.yaml: sekisho: mcp: unknown key team: did"),
        ("sekisho: {mcp: {teams: [a]}}", "litellm_config.yaml: sekisho: mcp: teams: must be a map"),
        ("sekisho: {mcp: {teams: {a: b}}}", "litellm_config.yaml: sekisho: mcp: teams: a: must be"),
    ],
)
def test_mistakes_in_grants(tmp_path: Path, text: str, told: str) -> None:
    """So is each in what teams are given."""
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    assert str(error.value).startswith(told)
