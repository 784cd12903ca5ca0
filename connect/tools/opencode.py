"""opencode: a provider of the AI SDK in `opencode.json`, with each model's sizes.

Docs: opencode.ai/docs/providers, /docs/config
"""

from typing import Any

from ..formats.paths import Value
from ..models import Model
from ..plan import File, Plan, Setting
from ..target import Target


def plan(target: Target) -> Plan:
    """The provider with its models, and which of them to use."""
    folder = target.place.folder("XDG_CONFIG_HOME", ".config") / "opencode"
    path = folder / "opencode.json"
    if not path.exists() and (folder / "opencode.jsonc").exists():
        path = folder / "opencode.jsonc"
    shared = _settings(target)
    key = Setting(("provider", "sekisho", "options", "apiKey"), target.key, secret=True)
    central = target.place.system(
        "/etc/opencode/opencode.json", "/Library/Application Support/opencode/opencode.json"
    )
    return Plan(
        "opencode",
        files=(File(path, "json", (*shared, key)),),
        managed=(File(central, "json", shared),),
        managed_notes=(
            'There is no key in it: each person adds theirs with "opencode auth login" (Other, '
            "sekisho).",
        ),
    )


def _settings(target: Target) -> tuple[Setting, ...]:
    provider = ("provider", "sekisho")
    models: dict[str, Any] = {one.alias: _entry(one) for one in target.listed()}
    return (
        Setting(("$schema",), "https://opencode.ai/config.json", once=True),
        Setting(("model",), f"sekisho/{target.model.alias}"),
        Setting(("small_model",), f"sekisho/{target.small.alias}"),
        Setting((*provider, "npm"), "@ai-sdk/openai-compatible"),
        Setting((*provider, "name"), "Sekisho"),
        Setting((*provider, "options", "baseURL"), target.openai),
        Setting((*provider, "models"), models),
    )


def _entry(model: Model) -> dict[str, Value]:
    kinds: list[Any] = ["text", *(["image"] if model.images else [])]
    entry: dict[str, Value] = {
        "name": model.alias,
        "tool_call": model.tools,
        "reasoning": model.reasoning,
        "attachment": model.images,
        "modalities": {"input": kinds, "output": ["text"]},
    }
    if model.context and model.output:
        entry["limit"] = {"context": model.context, "output": model.output}
    return entry
