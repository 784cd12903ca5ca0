"""Everything at once: clouds, an agent and MCP tools, the gateway, Open WebUI, two users.

In JWT mode Open WebUI starts with the variables that `openwebui install --print-env` prints, all of
them but the sign-in by OIDC, which needs an identity provider. In header mode it starts without a
connection, and `openwebui install` makes it.
"""

import subprocess
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..gateway import Answer, Gateway, cloud_variables, sekisho
from ..neighbours import Neighbours
from ..simulators import Simulator
from .chat import Person
from .ledger import Ledger
from .server import OpenWebUI

Mode = Literal["header", "jwt"]

MODEL, AGENT, SERVER = "gpt-4.1-nano", "travel-desk", "calc"
# The secret that Open WebUI signs with, and the one that comes after it: a rotation has begun.
SECRET, NEXT_SECRET = (
    "an-old-secret-of-the-tests-0123456789",
    "a-new-secret-of-the-tests-9876543210",
)
HANAKO = ("Hanako Smith", "hanako@example.com")
TARO = ("山田 太郎", "太郎@例え.テスト")

# Alias of the key for embeddings, pictures, sound and tools, which are set up with variables.
MEDIA_KEY: dict[Mode, str] = {"header": "open-webui-media", "jwt": "open-webui"}

_AGENTS = """agents:
  - name: {name}
    url: {url}/agent/v1
    price: {{per_request: 0.05}}
"""
_MCP = """
mcp_servers:
  {name}: {{url: "{url}/{name}", disallowed_tools: [hidden, sleep]}}
"""
# Of what is printed: what makes the connection, the models and the access to them.
_MADE_BY_INSTALL = (
    *("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS", "OPENAI_API_CONFIGS"),
    *("DEFAULT_MODELS", "DEFAULT_MODEL_METADATA", "BYPASS_MODEL_ACCESS_CONTROL"),
)
# The tests' users have passwords.
_WITH_PASSWORDS = {
    "ENABLE_PASSWORD_AUTH": "true",
    "ENABLE_LOGIN_FORM": "true",
    "ENABLE_OAUTH_SIGNUP": "false",
    "OPENID_PROVIDER_URL": "",
    "WEBUI_URL": "",
}


@dataclass(slots=True)
class Stage:
    """One that is ready; `installed` is what the first `openwebui install` has said.

    `neighbours` are the agent and the MCP server.
    """

    mode: Mode
    clouds: Simulator
    neighbours: Neighbours
    gateway: Gateway
    chat: OpenWebUI
    installed: Answer
    hanako: Person
    taro: Person
    ledger: Ledger

    def openwebui(self, *words: str) -> Answer:
        """What `sekisho openwebui ...` answers for this Open WebUI."""
        return _command(self.gateway, self.chat, *words)


@contextmanager
def start(mode: Mode, programs: Path, home: Path, secret: str = SECRET) -> Generator[Stage]:
    """Start everything, and stop it at the end.

    `programs` is where Open WebUI is installed, `secret` is what it signs with in JWT mode.
    """
    folder = home / "open-webui"
    folder.mkdir()
    with ExitStack() as running:
        clouds = running.enter_context(Simulator.start())
        neighbours = running.enter_context(Neighbours.start())
        gateway = running.enter_context(_gateway(mode, home, clouds, neighbours))
        variables = _variables(mode, gateway, secret if mode == "jwt" else "")
        chat = running.enter_context(OpenWebUI.start(programs, folder, variables))
        if mode == "header":
            _without_connection(chat)
        installed = _command(gateway, chat, "install")
        people = (chat.add(*HANAKO), chat.add(*TARO))
        yield Stage(
            mode, clouds, neighbours, gateway, chat, installed, *people, Ledger(gateway, mode)
        )


@contextmanager
def _gateway(
    mode: Mode, home: Path, clouds: Simulator, neighbours: Neighbours
) -> Generator[Gateway]:
    made = sekisho(home, "init", str(home / "config"))
    assert made.code == 0, made.err
    (home / "config" / "providers" / "agents.yaml").write_text(
        _AGENTS.format(name=AGENT, url=neighbours.url)
    )
    config = home / "config" / "litellm_config.yaml"
    config.write_text(config.read_text() + _MCP.format(name=SERVER, url=neighbours.url))
    variables = {
        **cloud_variables(clouds),
        "SEKISHO_CONFIG": str(config),
        "SEKISHO_SHIP_SECONDS": "86400",  # rows stay in the spool until a test ships them
    }
    if mode == "jwt":
        variables["SEKISHO_OPENWEBUI_JWT_SECRET"] = f"{NEXT_SECRET},{SECRET}"
    with Gateway.start(home, variables=variables) as running:
        yield running


def _variables(mode: Mode, gateway: Gateway, secret: str) -> dict[str, str]:
    """What Open WebUI starts with."""
    key = gateway.issue(MEDIA_KEY[mode], kind="frontend", mcp=SERVER)
    words = ("openwebui", "install", "--print-env", "--gateway-url", gateway.url, "--key", key)
    printed = sekisho(gateway.home, *words, "--mcp", SERVER, variables=gateway.variables)
    assert printed.code == 0, printed.err
    found = {
        **_in_a_shell(printed.out, {"SEKISHO_OPENWEBUI_JWT_SECRET": secret}),
        **_WITH_PASSWORDS,
    }
    if mode == "jwt":
        return found
    return {name: value for name, value in found.items() if name not in _MADE_BY_INSTALL}


def _in_a_shell(lines: str, given: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file, as a shell reads it; empty ones are left out."""
    script = "set -a; . /dev/stdin; exec env -0"
    done = subprocess.run(
        ["/bin/sh", "-c", script], input=lines, env=dict(given), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pairs = (line.partition("=") for line in done.stdout.split("\0"))
    return {name: value for name, _, value in pairs if value and name not in (*given, "PWD", "_")}


def _without_connection(chat: OpenWebUI) -> None:
    """As an admin leaves it who has deleted the connection to OpenAI that is there at first."""
    empty: dict[str, object] = {"OPENAI_API_BASE_URLS": [], "OPENAI_API_KEYS": []}
    form = {"ENABLE_OPENAI_API": False, **empty, "OPENAI_API_CONFIGS": {}}
    chat.admin.post("/openai/config/update", form)


def _command(gateway: Gateway, chat: OpenWebUI, *words: str) -> Answer:
    options = ("--url", chat.url, "--gateway-url", gateway.url)
    variables = {**gateway.variables, "OPENWEBUI_ADMIN_TOKEN": chat.admin.token}
    return sekisho(gateway.home, "openwebui", *words, *options, variables=variables)
