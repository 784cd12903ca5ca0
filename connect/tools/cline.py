"""Cline: the provider LiteLLM, which asks `/v1/model/info` for sizes and prices.

The command line keeps it in `providers.json`; the VS Code extension in a store of its own.
Docs: docs.cline.bot/provider-config/litellm, /enterprise-solutions/configuration
"""

from pathlib import Path

from ..formats.paths import Value
from ..plan import File, Plan, Setting
from ..target import Target

_SETTINGS = ("providers", "litellm", "settings")


def plan(target: Target) -> Plan:
    """The command line's file, what to type in VS Code, and the remote configuration."""
    folder = target.place.folder("CLINE_DIR", ".cline")
    remote: dict[str, Value] = {
        "baseUrl": target.url,
        "models": [{"id": one.alias, "promptCachingEnabled": True} for one in target.listed()],
    }
    return Plan(
        "Cline",
        files=(File(folder / "data" / "settings" / "providers.json", "json", _file(target)),),
        notes=(
            f"In VS Code: API Provider = LiteLLM, Base URL = {target.url}, API Key = your key, "
            f"Model = {target.model.alias}, and switch 'Use prompt caching' on.",
        ),
        managed=(
            File(
                Path("remote-config.json"),
                "json",
                (
                    Setting(("version",), "v1"),
                    Setting(("providerSettings", "LiteLLM"), remote),
                ),
            ),
        ),
        managed_notes=(
            "Paste it into the remote configuration of your organisation (app.cline.bot). Each "
            "person still types their own key.",
        ),
    )


def _file(target: Target) -> tuple[Setting, ...]:
    return (
        Setting(("version",), 1, once=True),
        Setting(("lastUsedProvider",), "litellm"),
        Setting((*_SETTINGS, "provider"), "litellm"),
        Setting((*_SETTINGS, "apiKey"), target.key, secret=True),
        Setting((*_SETTINGS, "model"), target.model.alias),
        Setting((*_SETTINGS, "baseUrl"), target.url),
        Setting(("providers", "litellm", "updatedAt"), "2026-01-01T00:00:00.000Z", once=True),
    )
