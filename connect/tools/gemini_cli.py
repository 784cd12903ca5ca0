"""Gemini CLI: `settings.json`, and the address and the key in `.env` beside it.

Docs: geminicli.com/docs/reference/configuration, /docs/cli/enterprise
"""

from ..plan import File, Plan, Setting
from ..target import Target

_OWN_WINDOW = 1_048_576  # what Gemini CLI takes every model's window for, in tokens
_OWN_THRESHOLD = 0.5


def plan(target: Target) -> Plan:
    """The settings, the address and the key."""
    shared = _settings(target)
    folder = target.place.folder("GEMINI_CLI_HOME") / ".gemini"
    variables = (
        Setting(("GOOGLE_GEMINI_BASE_URL",), target.url),
        Setting(("GEMINI_API_KEY",), target.key, secret=True),
    )
    central = target.place.system(
        "/etc/gemini-cli/settings.json", "/Library/Application Support/GeminiCli/settings.json"
    )
    return Plan(
        "Gemini CLI",
        files=(
            File(folder / "settings.json", "json", shared),
            File(folder / ".env", "env", variables),
        ),
        managed=(File(central, "json", shared),),
        managed_notes=(
            f"Each person exports GOOGLE_GEMINI_BASE_URL={target.url} and their GEMINI_API_KEY.",
        ),
    )


def _settings(target: Target) -> tuple[Setting, ...]:
    context = target.model.context or _OWN_WINDOW
    smaller = context * 8 // 10 < _OWN_WINDOW * _OWN_THRESHOLD
    # The history is compressed at this share of a window that is taken to be Gemini's.
    share = [Setting(("model", "compressionThreshold"), round(0.8 * context / _OWN_WINDOW, 2))]
    return (
        Setting(("security", "auth", "selectedType"), "gemini-api-key"),
        Setting(("model", "name"), target.model.alias),
        *(share if smaller else []),
    )
