"""Qwen Code: its OpenAI provider in `settings.json`, with a model list of ours.

Docs: qwenlm.github.io/qwen-code-docs, users/configuration/model-providers
"""

from typing import Any

from ..formats.paths import Item, Value
from ..models import Model
from ..plan import File, Plan, Setting
from ..target import Target


def plan(target: Target) -> Plan:
    """The models, and the key as a variable that Qwen Code sets for itself."""
    shared = _settings(target)
    key = Setting(("env", "SEKISHO_KEY"), target.key, secret=True)
    central = target.place.system(
        "/etc/qwen-code/settings.json", "/Library/Application Support/QwenCode/settings.json"
    )
    folder = target.place.folder("QWEN_HOME", ".qwen")
    return Plan(
        "Qwen Code",
        files=(File(folder / "settings.json", "json", (*shared, key)),),
        managed=(File(central, "json", shared),),
        managed_notes=("There is no key in it: each person exports SEKISHO_KEY.",),
    )


def _settings(target: Target) -> tuple[Setting, ...]:
    return (
        Setting(("security", "auth", "selectedType"), "openai"),
        Setting(("model", "name"), target.model.alias),
        *(
            Setting(("modelProviders", "openai", Item("id", one.alias)), _entry(one, target.openai))
            for one in target.listed()
        ),
    )


def _entry(model: Model, url: str) -> Value:
    generation: dict[str, Any] = {}
    if model.context:
        generation["contextWindowSize"] = model.context
    if model.output:
        generation["samplingParams"] = {"max_tokens": model.output}
    return {
        "id": model.alias,
        "name": f"{model.alias} (Sekisho)",
        "baseUrl": url,
        "envKey": "SEKISHO_KEY",
        "generationConfig": generation,
    }
