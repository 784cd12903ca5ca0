"""`sekisho connect`, as a developer types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sekisho.cli.main import main
from sekisho.connect.clients import CLIENTS

from .connected import KEY, URL, WITH_FILES
from .gateway import Gateway, sekisho

NOWHERE = "http://127.0.0.1:9"  # the port that discards: nobody listens there


@pytest.fixture(autouse=True)
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person with an empty home, none of a cloud's variables, and no gateway."""
    home = tmp_path / "hanako"
    home.mkdir()
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "SEKISHO_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SEKISHO_HOME", str(tmp_path / "state"))
    return home


def connect(*words: str) -> Result:
    """One command, in this process."""
    return CliRunner().invoke(main, ["connect", *words])


def done(*words: str) -> str:
    """What a command that must go well prints."""
    result = connect(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str) -> tuple[int, str]:
    """The exit code and the one line of a command that must not go well."""
    result = connect(*words)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.exit_code, result.stderr.removeprefix("Error: ").strip()


def test_without_a_tool_the_tools_are_listed(person: Path) -> None:
    """The list has each client that can be connected, with the files that would be written."""
    lines = done().splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*CLIENTS]
    assert lines[5].split() == ["codex", "~/.codex/config.toml,", "~/.codex/.env"]
    found = json.loads(done("--json"))
    assert found[0] == {"tool": "claude-code", "files": [f"{person}/.claude/settings.json"]}


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_is_printed(client: str) -> None:
    """Each client's settings are printed with the gateway's address and a placeholder for a key."""
    text = done(client)
    assert URL in text
    assert "YOUR_SEKISHO_KEY" in text


def test_key_and_address_are_printed() -> None:
    """The key and the address that were typed are in what is printed; a /v1 at the end is ours."""
    text = done("claude-code", "--url", "https://llm.example.com/v1/", "--model", "claude-opus-5-5")
    assert json.loads(text)["env"]["ANTHROPIC_BASE_URL"] == "https://llm.example.com"
    assert json.loads(text)["env"]["ANTHROPIC_MODEL"] == "claude-opus-5-5[1m]"
    result = connect("aider", "--url", NOWHERE, "--key", KEY, "--small-model", "gpt-4.1")
    assert f"openai-api-key: {KEY}\n" in result.stdout
    assert "weak-model: openai/gpt-4.1\n" in result.stdout
    assert f"{NOWHERE} doesn't answer (ConnectError)" in result.stderr


def test_json_has_it_all() -> None:
    """`--json` has files as text, variables, a program and what is left to do."""
    found: Any = json.loads(done("codex", "--json"))
    assert found["client"] == "Codex"
    assert [Path(file["path"]).name for file in found["files"]] == ["config.toml", ".env"]
    assert [file["has_key"] for file in found["files"]] == [False, True]
    found = json.loads(done("openai-python", "--json"))
    assert found["variables"]["OPENAI_BASE_URL"] == f"{URL}/v1"
    assert found["example"].startswith("from openai import OpenAI\n")


@pytest.mark.parametrize("client", WITH_FILES)
def test_write_and_undo(client: str, person: Path) -> None:
    """Written once, nothing to change twice, undone without a trace; the key is never shown."""
    words = (client, "--url", NOWHERE, "--key", KEY)
    first = connect(*words, "--write")
    assert first.exit_code == 0, first.output
    assert KEY not in first.output
    assert f"+++ {person}" in first.stdout
    kept = [path for path in person.rglob("*") if path.is_file() and KEY in path.read_text()]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert {line.split(": ")[1] for line in done(*words, "--write").splitlines()} == {
        "nothing to change"
    }
    done(client, "--undo")
    assert [*person.rglob("*")] == []
    assert "nothing to undo" in done(client, "--undo")


def test_write_as_json(person: Path) -> None:
    """Programs are told which files changed, and how."""
    words = ("claude-code", "--url", NOWHERE, "--key", KEY, "--write", "--json")
    found = json.loads(done(*words))
    assert [(one["path"], one["changed"]) for one in found] == [
        (str(person / ".claude" / "settings.json"), True)
    ]
    assert '+    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",' in found[0]["diff"]
    assert json.loads(done(*words))[0]["changed"] is False


def test_managed() -> None:
    """`--managed` prints the central form without a key, or says what there is instead."""
    text = done("claude-code", "--managed", "--key", KEY)
    assert "ANTHROPIC_AUTH_TOKEN" not in text
    assert json.loads(text)["env"]["ANTHROPIC_BASE_URL"] == URL
    result = connect("aider", "--managed")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "aider has no central form: put both files into each home.\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("clude-code",), 2, "clude-code can't be connected: did you mean claude-code?"),
        (("x",), 2, "x can't be connected: 'sekisho connect' lists what can"),
        (("codex", "--write"), 2, "--key is missing; issue one: sekisho keys issue --alias NAME"),
        (("codex", "--write", "--undo"), 2, "--write, --undo and --managed exclude each other"),
        (
            ("codex", "--url", "llm.example.com"),
            2,
            "--url llm.example.com: must be a URL that begins with http:// or https://",
        ),
        (
            ("codex", "--model", "gpt-4l"),
            2,
            "there is no model gpt-4l: did you mean gpt-4o or gpt-5.4 or gpt-4.1?",
        ),
        (
            ("codex", "--small-model", "tts-1"),
            2,
            "tts-1 is a model for speech, not for conversations",
        ),
        (
            ("nextchat", "--undo"),
            2,
            "NextChat has no file to write: set what is printed without it",
        ),
    ],
)
def test_misuse_is_one_line(words: tuple[str, ...], code: int, message: str) -> None:
    """What can't be done is told in one line, with what to type instead."""
    assert refused(*words) == (code, message)


def test_a_file_that_cannot_be_read_is_one_line(person: Path) -> None:
    """A broken file of the client's is named, left alone, and the exit code is 1."""
    (person / ".claude").mkdir()
    (person / ".claude" / "settings.json").write_text("{,}")
    result = connect("claude-code", "--url", NOWHERE, "--key", KEY, "--write")
    assert result.exit_code == 1
    assert "settings.json: it is not JSON" in result.stderr
    assert [path.name for path in person.rglob("*.json*")] == ["settings.json"]


def test_the_gateway_that_runs_here(gateway: Gateway, key: str, person: Path) -> None:
    """Address, models and sizes are those of the gateway of this state folder, for this key."""
    own = gateway.issue("connect-claude", models="claude-*")
    words = ("connect", "opencode", "--json", "--key", own)
    answer = sekisho(gateway.home, *words, variables={**gateway.variables, "HOME": str(person)})
    assert answer.code == 0, answer.err
    config = json.loads(json.loads(answer.out)["files"][0]["text"])
    provider = config["provider"]["sekisho"]
    assert provider["options"] == {"baseURL": f"{gateway.url}/v1", "apiKey": own}
    limit = {"context": 1_000_000, "output": 64_000}
    assert provider["models"]["claude-sonnet-4-6"]["limit"] == limit


def test_only_what_the_key_may_use(gateway: Gateway, person: Path) -> None:
    """A key for some models is offered those, by a gateway that is asked."""
    own = gateway.issue("connect-nova", models="nova-*")
    words = ("connect", "opencode", "--json", "--key", own, "--url", gateway.url)
    answer = sekisho(gateway.home, *words, variables={**gateway.variables, "HOME": str(person)})
    config = json.loads(json.loads(answer.out)["files"][0]["text"])
    names = ["nova-2-lite", "nova-lite", "nova-micro", "nova-pro"]
    assert sorted(config["provider"]["sekisho"]["models"]) == names


def test_a_key_without_models(gateway: Gateway, person: Path) -> None:
    """A key that may use nothing there is told so."""
    own = gateway.issue("connect-nothing", models="no-such-*")
    words = ("connect", "codex", "--key", own, "--url", gateway.url)
    answer = sekisho(gateway.home, *words, variables={**gateway.variables, "HOME": str(person)})
    assert (answer.code, answer.err) == (
        1,
        f"Error: {gateway.url} has no model that this key may use\n",
    )


def test_a_key_that_is_refused(gateway: Gateway, person: Path) -> None:
    """A key that the gateway doesn't know is told now, not by the client later."""
    words = ("connect", "codex", "--key", "sk-sekisho-wrong", "--url", gateway.url, "--write")
    answer = sekisho(gateway.home, *words, variables={**gateway.variables, "HOME": str(person)})
    assert (answer.code, answer.err) == (
        1,
        f"Error: {gateway.url} refuses this key (HTTP 401)\n",
    )
