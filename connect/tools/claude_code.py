"""Claude Code: variables in `settings.json`, which its editor extensions read too.

Docs: code.claude.com/docs/en/llm-gateway-connect, /model-config, /env-vars, /settings-reference
"""

import re

from ..models import Model, first
from ..plan import File, Plan, Setting
from ..target import Target

_FAMILIES = ("opus", "sonnet", "haiku", "fable")
_MILLION = 1_000_000
_OWN_WINDOW = 200_000  # what Claude Code takes for granted, in tokens
_OWN_OUTPUT = 32_000


def plan(target: Target) -> Plan:
    """The variables; `ANTHROPIC_AUTH_TOKEN` is sent as a bearer key."""
    shared = _variables(target)
    settings = [Setting(("env", name), value) for name, value in shared.items()]
    key = Setting(("env", "ANTHROPIC_AUTH_TOKEN"), target.key, secret=True)
    folder = target.place.folder("CLAUDE_CONFIG_DIR", ".claude")
    central = target.place.system(
        "/etc/claude-code/managed-settings.json",
        "/Library/Application Support/ClaudeCode/managed-settings.json",
    )
    return Plan(
        "Claude Code",
        files=(File(folder / "settings.json", "json", (settings[0], key, *settings[1:])),),
        notes=(
            "Leave ANTHROPIC_API_KEY unset, and log out of claude.ai if /status names an account.",
            "The picker (/model) lists the gateway's aliases that begin with claude-.",
        ),
        managed=(File(central, "json", tuple(settings)),),
        managed_notes=(
            "There is no key in it: each person sets ANTHROPIC_AUTH_TOKEN in their own "
            "settings.json, or you add an apiKeyHelper, a command that prints their key.",
        ),
    )


def _variables(target: Target) -> dict[str, str]:
    main = target.model
    found = {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_MODEL": name_of(main),
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
    }
    for family in _FAMILIES:
        found[f"ANTHROPIC_DEFAULT_{family.upper()}_MODEL"] = name_of(_of(target, family))
    if not _claude(main):
        found["CLAUDE_CODE_ATTRIBUTION_HEADER"] = "0"  # a text that changes; no cache would hit
        if main.context and main.context != _OWN_WINDOW and main.context < _MILLION:
            found["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(main.context)
    if main.output and main.output < _OWN_OUTPUT:
        found["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(main.output)
    return found


def _of(target: Target, family: str) -> Model:
    """What `/model opus` means: the newest of the family; where there is none, ours."""
    for chosen in (target.model, target.small):
        if re.match(rf"claude-{family}-", chosen.alias):
            return chosen
    fallback = target.small if family == "haiku" else target.model
    return first(target.models, (rf"claude-{family}-\d",)) or fallback


def name_of(model: Model) -> str:
    """The alias as Claude Code wants it: `[1m]` tells it of a window of a million tokens.

    It takes 200,000 for granted else, and cuts the mark off before it asks.
    """
    return f"{model.alias}[1m]" if (model.context or 0) >= _MILLION else model.alias


def _claude(model: Model) -> bool:
    return model.alias.startswith("claude-")
