"""Codex: a provider in `config.toml`; the key in `.env` beside it, which Codex loads itself.

Docs: developers.openai.com/codex/config-reference, /config-advanced
"""

from ..plan import File, Plan, Setting
from ..target import Target

_PROVIDER = ("model_providers", "sekisho")


def plan(target: Target) -> Plan:
    """The provider, the model with its sizes, and the key's variable."""
    shared = _settings(target)
    folder = target.place.folder("CODEX_HOME", ".codex")
    key = Setting(("SEKISHO_KEY",), target.key, secret=True)
    return Plan(
        "Codex",
        files=(
            File(folder / "config.toml", "toml", shared),
            File(folder / ".env", "env", (key,)),
        ),
        notes=("A SEKISHO_KEY that the shell exports counts more than the one in .env.",),
        managed=(File(target.place.system(*(["/etc/codex/config.toml"] * 2)), "toml", shared),),
        managed_notes=("Each person keeps their own SEKISHO_KEY in ~/.codex/.env.",),
    )


def _settings(target: Target) -> tuple[Setting, ...]:
    main = target.model
    sizes = [Setting(("model_context_window",), main.context)] if main.context else []
    return (
        Setting(("model",), main.alias),
        Setting(("model_provider",), "sekisho"),
        *sizes,
        # Not "OpenAI" or "Azure": Codex would leave compaction to a route that those have.
        Setting((*_PROVIDER, "name"), "Sekisho"),
        Setting((*_PROVIDER, "base_url"), target.openai),
        Setting((*_PROVIDER, "env_key"), "SEKISHO_KEY"),
        Setting((*_PROVIDER, "wire_api"), "responses"),
    )
