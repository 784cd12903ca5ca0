"""What the tests of `sekisho connect` share: a gateway that isn't there, with models that are."""

from pathlib import Path

from sekisho.connect.clients import CLIENTS
from sekisho.connect.models import Model
from sekisho.connect.plan import Plan
from sekisho.connect.target import Place, Target

URL = "http://127.0.0.1:4000"
KEY = "sk-sekisho-abcdefgh-0123456789012345678901234567890123456789012"

OPUS = Model("claude-opus-5-5", 1_000_000, 128_000, True, True, True)
SONNET = Model("claude-sonnet-5-5", 1_000_000, 128_000, True, True, True)
HAIKU = Model("claude-haiku-4-5", 200_000, 64_000, True, True, True)
GPT = Model("gpt-5.5", 922_000, 128_000, True, True, True)
NOVA = Model("nova-pro", 300_000, 10_000, True, False, False)
MODELS = (OPUS, SONNET, HAIKU, GPT, NOVA)

WITH_FILES = (
    "claude-code",
    "cline",
    "roo-code",
    "codex",
    "opencode",
    "aider",
    "continue",
    "qwen-code",
    "gemini-cli",
)


def target(home: Path, model: Model = SONNET, small: Model = HAIKU, key: str = KEY) -> Target:
    """That gateway, for a person with this home."""
    return Target(URL, key, MODELS, model, small, Place(home, {}))


def plan(client: str, home: Path, model: Model = SONNET, small: Model = HAIKU) -> Plan:
    """What connects a client."""
    return CLIENTS[client].plan(target(home, model, small))
