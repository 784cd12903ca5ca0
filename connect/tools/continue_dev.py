"""Continue: an entry of `models` in `config.yaml` for each model.

Docs: docs.continue.dev/reference (config.yaml)
"""

from typing import Any

from ..formats.paths import Item, Value
from ..models import Model
from ..plan import File, Plan, Setting
from ..target import Target


def plan(target: Target) -> Plan:
    """The chosen model for chat and edits, and the small one to choose."""
    chosen = [target.model, *([target.small] if target.small != target.model else [])]
    settings = (
        Setting(("name",), "Local Config", once=True),
        Setting(("version",), "1.0.0", once=True),
        Setting(("schema",), "v1", once=True),
        *(
            Setting(("models", Item("name", _name(one))), _entry(one, target), secret=True)
            for one in chosen
        ),
    )
    folder = target.place.folder("CONTINUE_GLOBAL_DIR", ".continue")
    return Plan(
        "Continue",
        files=(File(folder / "config.yaml", "yaml", settings),),
        notes=("Choose the model once in Continue's list of models.",),
        managed_notes=("Continue has no central form without an account of its hub.",),
    )


def _name(model: Model) -> str:
    return f"Sekisho {model.alias}"


def _entry(model: Model, target: Target) -> Value:
    able: list[Any] = [
        *(["tool_use"] if model.tools else []),
        *(["image_input"] if model.images else []),
    ]
    sizes = {"contextLength": model.context, "maxTokens": model.output}
    return {
        "name": _name(model),
        "provider": "openai",
        "model": model.alias,
        "apiBase": target.openai,
        "apiKey": target.key,
        "roles": ["chat", "edit", "apply"],
        "capabilities": able,
        "defaultCompletionOptions": {name: size for name, size in sizes.items() if size},
    }
