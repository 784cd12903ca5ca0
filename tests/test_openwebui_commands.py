"""`sekisho openwebui` without an Open WebUI: what it refuses, in one line, and what it prints."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sekisho import config
from sekisho.cli.main import main
from sekisho.cli.openwebui_keys import StoredKeys
from sekisho.cli.output import Problem
from sekisho.frontends.open_webui import client
from sekisho.frontends.open_webui.client import OpenWebUIError
from sekisho.frontends.open_webui.gateway import KeyRefusedError, models
from sekisho.frontends.open_webui.install import KnownKey
from sekisho.keys.store import Store

from .gateway import Gateway

NOWHERE = "http://127.0.0.1:9"  # the port that discards: nobody listens there
SECRET = "a-secret-that-nobody-may-see-0123456789"


@pytest.fixture(autouse=True)
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator with an empty state folder, and no token in the environment."""
    monkeypatch.setenv("SEKISHO_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("OPENWEBUI_ADMIN_TOKEN", raising=False)
    return tmp_path / "state"


def openwebui(*words: str) -> Result:
    """One command, in this process."""
    return CliRunner().invoke(main, ["openwebui", *words])


def refused(*words: str) -> tuple[int, str]:
    """The exit code and the one line of a command that must not go well."""
    result = openwebui(*words)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.exit_code, result.stderr.removeprefix("Error: ").strip()


VERBS = pytest.mark.parametrize("verb", ["install", "verify"])


@VERBS
def test_the_address_is_needed(verb: str) -> None:
    """Without --url it says what that is."""
    assert refused(verb) == (
        2,
        "--url is missing: where Open WebUI runs, as http://localhost:8080",
    )


@VERBS
def test_the_token_is_needed(verb: str) -> None:
    """Without a token it says where to get one."""
    code, line = refused(verb, "--url", NOWHERE)
    assert code == 2
    assert line == (
        "--admin-token is missing: an admin's, from Open WebUI > Settings > Account; or set "
        "OPENWEBUI_ADMIN_TOKEN"
    )


@VERBS
@pytest.mark.parametrize("url", ["localhost:8080", "ftp://chat", "http://"])
def test_the_address_must_be_one(verb: str, url: str) -> None:
    """An address that can't be one is named."""
    code, line = refused(verb, "--url", url, "--admin-token", "t")
    assert code == 2
    assert line == f"--url {url}: must be a URL that begins with http:// or https://"


@VERBS
def test_nobody_is_there(verb: str) -> None:
    """Where nobody listens it says so, and what to check."""
    code, line = refused(verb, "--url", NOWHERE, "--admin-token", "t")
    assert code == 1
    assert line == (
        f"{NOWHERE} doesn't answer (ConnectError): check --url, and that Open WebUI runs there"
    )


@VERBS
def test_somebody_else_is_there(verb: str, gateway: Gateway) -> None:
    """A server that is no Open WebUI is told from one: here it is the gateway itself."""
    code, line = refused(verb, "--url", gateway.url, "--admin-token", "t")
    assert code == 1
    assert line == (
        f"{gateway.url} is no Open WebUI 0.12.x: GET /api/version answered HTTP 404; check --url"
    )


@pytest.mark.parametrize(
    ("version", "right"),
    [("0.12.4", True), ("0.12", True), ("0.12.0rc1", True), ("0.6.33", False), ("0.120", False)],
)
def test_which_versions_are_known(version: str, right: bool) -> None:
    """Only 0.12, and anything of it."""
    assert client.is_right(version) is right


def test_a_token_that_can_not_be_one() -> None:
    """What can't stand in a header is refused before anybody is asked."""
    code, line = refused("install", "--url", NOWHERE, "--admin-token", "schlüssel\n")
    assert (code, line) == (2, "--admin-token: has characters that no token has")


def test_group_and_everyone_exclude_each_other() -> None:
    """Both can't be meant."""
    words = ("--url", NOWHERE, "--admin-token", "t", "--group", "staff", "--everyone")
    assert refused("install", *words) == (2, "--group and --everyone exclude each other")


def test_variables_are_printed_without_an_open_webui(monkeypatch: pytest.MonkeyPatch) -> None:
    """--print-env asks nobody; without a key it says how to get one; the secret isn't printed."""
    monkeypatch.setenv("SEKISHO_OPENWEBUI_JWT_SECRET", SECRET)
    result = openwebui("install", "--print-env", "--gateway-url", "https://gw.corp.example")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "OPENAI_API_BASE_URLS=https://gw.corp.example/v1" in lines
    assert "OPENAI_API_KEYS=YOUR_SEKISHO_KEY" in lines
    assert "OAUTH_ALLOWED_DOMAINS=corp.example" in lines
    assert "WEBUI_URL=https://chat.corp.example" in lines
    assert SECRET not in result.output
    assert result.stderr == ("the key: sekisho keys issue --alias open-webui --kind frontend\n")


# The keys


def stored(alias: str = "open-webui") -> StoredKeys:
    """The key store of the operator's state folder."""
    return StoredKeys(config.load_settings({}), alias, "tester")


def test_a_frontend_key_is_issued(operator: Path) -> None:
    """It is a frontend key with that alias, and known again."""
    keys = stored()
    key = keys.issue()
    assert keys.known(key) == KnownKey("open-webui", "frontend", "active")
    with Store(f"sqlite:///{operator / 'keys.db'}") as store:
        row = store.get("open-webui")
    assert (row.identity.kind, row.identity.owner, row.created_by) == ("frontend", None, "tester")


def test_a_key_that_nobody_got_is_taken_back() -> None:
    """Its alias is free again, and nothing happens the second time."""
    keys = stored()
    first = keys.issue()
    keys.take_back()
    keys.take_back()
    assert stored().issue() != first


def test_an_alias_that_is_taken() -> None:
    """Whoever has lost the key is told how to get it anew."""
    stored().issue()
    with pytest.raises(Problem, match="or get it anew with 'sekisho keys rotate open-webui'"):
        stored().issue()


def test_a_key_store_that_is_not_there_is_not_made(operator: Path) -> None:
    """To ask for a key makes no files."""
    assert stored().known("sk-sekisho-x") is None
    assert not operator.exists()


# The gateway


def test_the_models_of_the_gateway(gateway: Gateway) -> None:
    """A frontend key sees them, with prices and sizes, by the first address that answers."""
    key = gateway.issue("openwebui-commands", kind="frontend", models="demo")
    assert [one.alias for one in models((NOWHERE, gateway.url), key)] == ["demo"]


def test_a_key_that_the_gateway_does_not_know(gateway: Gateway) -> None:
    """It is refused, with the gateway's own reason."""
    with pytest.raises(KeyRefusedError, match="This is not a key of this gateway: keys look like"):
        models((gateway.url,), "sk-sekisho-nobody")


def test_no_gateway() -> None:
    """Where none answers it says what to start, or to name."""
    with pytest.raises(OpenWebUIError) as error:
        models((NOWHERE,), "sk-1")
    assert str(error.value) == (
        f"gateway: {NOWHERE} doesn't answer (ConnectError): start it (sekisho up), or name it: "
        "--gateway-url"
    )
