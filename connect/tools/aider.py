"""aider: its own options in `.aider.conf.yml`, and the models' sizes in a file beside it.

Docs: aider.chat/docs/llms/openai-compat.html, /docs/config/adv-model-settings.html
"""

from ..formats.paths import Value
from ..models import Model
from ..plan import File, Plan, Setting
from ..target import Target


def plan(target: Target) -> Plan:
    """The options, and the sizes of every model that it may be switched to."""
    home = target.place.home
    options = (
        Setting(("openai-api-base",), target.openai),
        Setting(("openai-api-key",), target.key, secret=True),
        Setting(("model",), f"openai/{target.model.alias}"),
        Setting(("weak-model",), f"openai/{target.small.alias}"),
        # It looks the models up in a list of its own, in which aliases can't be.
        Setting(("show-model-warnings",), False),
    )
    sizes = tuple(Setting((f"openai/{one.alias}",), _sizes(one)) for one in target.listed())
    return Plan(
        "aider",
        files=(
            File(home / ".aider.conf.yml", "yaml", options),
            File(home / ".aider.model.metadata.json", "json", sizes),
        ),
        notes=("A .aider.conf.yml in a repository counts more than the one of your home.",),
        managed_notes=("aider has no central form: put both files into each home.",),
    )


def _sizes(model: Model) -> Value:
    found: dict[str, Value] = {"litellm_provider": "openai", "mode": "chat"}
    if model.context:
        found["max_input_tokens"] = model.context
    if model.output:
        found |= {"max_output_tokens": model.output, "max_tokens": model.output}
    return {**found, "supports_vision": model.images}
