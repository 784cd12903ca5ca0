"""Roo Code: a profile that it imports whenever VS Code starts, since it has no file of its own.

Docs: docs.roocode.com/providers/litellm, /features/settings-management (auto-import)
"""

from pathlib import Path

from ..plan import File, Plan, Setting
from ..target import Place, Target

_NAME = "sekisho"


def plan(target: Target) -> Plan:
    """The profile, and the setting of VS Code that names its file."""
    folder = target.place.home / ".roo"
    profile = ("providerProfiles", "apiConfigs", _NAME)
    settings = (
        Setting(("providerProfiles", "currentApiConfigName"), _NAME),
        Setting((*profile, "apiProvider"), "litellm"),
        Setting((*profile, "litellmBaseUrl"), target.url),
        Setting((*profile, "litellmApiKey"), target.key, secret=True),
        Setting((*profile, "litellmModelId"), target.model.alias),
        Setting((*profile, "litellmUsePromptCache"), True),
        Setting((*profile, "id"), _NAME),
        Setting(("globalSettings",), {}, once=True),
    )
    imported = Setting(("roo-cline.autoImportSettingsPath",), "~/.roo/sekisho.json")
    return Plan(
        "Roo Code",
        files=(
            File(folder / "sekisho.json", "json", settings),
            File(vscode(target.place), "json", (imported,)),
        ),
        notes=(
            "Sizes and prices of the models come from the gateway's /v1/model/info.",
            f"By hand: API Provider = LiteLLM, Base URL = {target.url}, API Key = your key, "
            f"Model = {target.model.alias}, and switch 'Use prompt caching' on.",
        ),
        managed_notes=(
            "Roo Code has no central form: roll out both files with the means that you have for "
            "VS Code's settings.",
        ),
    )


def vscode(place: Place) -> Path:
    """The settings of VS Code that hold for one person."""
    if place.platform == "darwin":
        return place.home / "Library/Application Support/Code/User/settings.json"
    return place.folder("XDG_CONFIG_HOME", ".config") / "Code" / "User" / "settings.json"
