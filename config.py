"""The whole configuration: our settings, the models, and what LiteLLM gets to read.

`litellm_config.yaml` is the file that operators edit. It is read here, checked for misspelt keys
(LiteLLM ignores those in silence), joined with `providers/`, and written out for LiteLLM without
anything that LiteLLM doesn't know.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import fallbacks, mcp_servers, settings
from .providers.deployment import Deployment, Skipped
from .settings import Settings
from .untyped import mapping, sequence

PACKAGED = Path(__file__).with_name("litellm_config.yaml")

# A made-up price, so that a newcomer sees a cost: 1 USD per million tokens in, 2 USD out.
_DEMO_MODEL = {
    "model_name": "demo",
    "litellm_params": {"model": "demo/echo-1"},
    "model_info": {
        "mode": "chat",
        "max_input_tokens": 100_000,
        "max_output_tokens": 10_000,
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
    },
}

# `environment_variables`, `include` and the like would be a second way to say what we read here.
_SECTIONS = ("model_list", "litellm_settings", "router_settings", "general_settings")
_MCP = "mcp_servers"


# libyaml's reads a file of many models ten times as fast; PyYAML is also built without it.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ConfigurationError(ValueError):
    """A configuration that can't be used; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a gateway runs with.

    `litellm` is the content of the file that LiteLLM reads; secrets in it are references
    (`os.environ/X`), never values.
    """

    settings: Settings
    deployments: tuple[Deployment, ...]
    skipped: tuple[Skipped, ...]
    litellm: Mapping[str, Any]


def load(
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] = os.environ,
    demo: bool = False,
) -> Configuration:
    """Read settings, configuration file and models; `demo` adds the built-in model.

    Raises ConfigurationError, SettingsError or PriceError with one line.
    """
    chosen, written, path = _settings(flags, environ)
    _check_sections(written, path)
    deployments, skipped = _models(written, path, _for_providers(chosen, environ), demo)
    _check_mcp(written, chosen, path)
    litellm = {name: written[name] for name in (*_SECTIONS, _MCP) if written.get(name)}
    litellm["model_list"] = _model_list(deployments)
    litellm["litellm_settings"] = _switches(mapping(written.get("litellm_settings")), demo)
    trouble = fallbacks.trouble(litellm, deployments)
    if trouble is not None:
        raise ConfigurationError(f"{path.name}: {trouble}")
    return Configuration(chosen, deployments, skipped, litellm)


def load_settings(
    flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings alone, for commands that need no models. Raises as `load` does."""
    return _settings(flags, environ)[0]


def _settings(
    flags: Mapping[str, str | None] | None, environ: Mapping[str, str]
) -> tuple[Settings, dict[str, Any], Path]:
    path = settings.load(flags, environ).config or PACKAGED
    written = _read(path)
    section = _section(written, "sekisho", path)
    where = f"{path.name}: sekisho:"
    return settings.load(flags, environ, section, where), written, path


def _switches(written: Mapping[str, Any], demo: bool) -> dict[str, Any]:
    """The `litellm_settings` with what billing and the demo need, whatever the file says.

    Without our callbacks no row would know which deployment answered, nor its price, and clients
    would meet refusals that we repair.
    """
    named: object = written.get("callbacks")
    others = [named] if isinstance(named, str) else sequence(named)
    callbacks = [*_OUR_CALLBACKS, *(name for name in others if name not in _OUR_CALLBACKS)]
    switches = {**written, "callbacks": callbacks}
    if demo:
        custom = {"provider": "demo", "custom_handler": "sekisho.callbacks.demo.handler"}
        switches["custom_provider_map"] = [custom]
    return switches


def write_for_litellm(configuration: Configuration, name: str = "litellm.yaml") -> Path:
    """Write LiteLLM's file into the state folder and return its path.

    Nobody else may read it: an operator may have written a key into a model's entry.
    """
    folder = configuration.settings.home / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    draft = folder / f"{name}.{os.getpid()}"
    draft.unlink(missing_ok=True)  # of a process with the same number that was killed
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        yaml.safe_dump(dict(configuration.litellm), file, sort_keys=False)
    return draft.replace(folder / name)


def forget_old_files(home: Path) -> None:
    """Delete the files of workers that were killed; no gateway runs with this folder now."""
    for old in (home / "run").glob("litellm*.yaml*"):
        old.unlink(missing_ok=True)


def _models(
    written: Mapping[str, Any], path: Path, environ: Mapping[str, str], demo: bool
) -> tuple[tuple[Deployment, ...], tuple[Skipped, ...]]:
    """The models and agents of the included files, the models of the file itself, and the demo."""
    # Imported here, as commands that need no models are started often.
    from .pricing.overrides import own_price
    from .providers import agents, entries, loader

    of_agents, of_models = _sorted_out(_included(written, path))
    found = [entry for file in of_models for entry in entries.read(file)]
    own = [*(written.get("model_list") or ()), *([_DEMO_MODEL] if demo else ())]
    models = loader.place_all([*found, *entries.check(own, path.name)], environ)
    known = [agent for file in of_agents for agent in agents.read(file)]
    loaded = agents.place(known, models, environ)
    for deployment in loaded.deployments:
        own_price(deployment)  # a price that can't be read is told now
    return loaded.deployments, loaded.skipped


def _sorted_out(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files of agents, and those of models."""
    from .providers import agents

    found = [file for file in files if agents.holds_agents(file)]
    return found, [file for file in files if file not in found]


def _included(written: Mapping[str, Any], path: Path) -> list[Path]:
    """The files that `include:` names, next to the file itself, as in LiteLLM."""
    files = [path.parent / str(name) for name in sequence(written.get("include"))]
    for file in files:
        if not file.is_file():
            raise ConfigurationError(f"{path.name}: include: there is no file {file}")
    return files


def _model_list(deployments: Sequence[Deployment]) -> list[dict[str, Any]]:
    """The models as LiteLLM reads them; an alias's only deployment is never left to cool down.

    LiteLLM would answer 429 for its cooldown time without asking the provider at all: one error
    would become an outage of the alias.
    """
    counts = Counter(deployment.alias for deployment in deployments)
    models = [deployment.as_litellm() for deployment in deployments]
    for model in models:
        if counts[model["model_name"]] == 1:
            # LiteLLM looks in both, and for Messages and Responses that it doesn't translate it has
            # only the second at hand.
            model["litellm_params"].setdefault("cooldown_time", 0)
            model["model_info"].setdefault("cooldown_time", 0)
    return models


def _for_providers(chosen: Settings, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment as the providers see it, with the settings that a file or flag decided."""
    return {
        **environ,
        "SEKISHO_CLOUDS": " ".join(chosen.clouds) or environ.get("SEKISHO_CLOUDS", ""),
        "SEKISHO_BEDROCK_PROFILE": chosen.bedrock_profile,
        "SEKISHO_AZURE_ZONE": chosen.azure_zone,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        parsed: object = yaml.load(path.read_text(), Loader=_LOADER)  # noqa: S506 - a safe one
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file; 'sekisho init DIR' makes one to edit"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(parsed, dict):
        raise ConfigurationError(f"{path}: must be a mapping of sections")
    return mapping(parsed)


def _check_sections(written: Mapping[str, Any], path: Path) -> None:
    """Refuse every key that neither we nor LiteLLM know."""
    from .known_sections import KNOWN  # reads a file

    known = ("sekisho", "include", *_SECTIONS, _MCP)
    settings.refuse_unknown(written, known, f"{path.name}:")
    for name in _SECTIONS[1:]:
        found = _section(written, name, path)
        settings.refuse_unknown(found, KNOWN[name], f"{path.name}: {name}:")


def _check_mcp(written: Mapping[str, Any], chosen: Settings, path: Path) -> None:
    """Refuse MCP servers that can't be meant, and grants of servers that there are not."""
    trouble = mcp_servers.trouble(written.get(_MCP))
    if trouble is not None:
        raise ConfigurationError(f"{path.name}: {_MCP}: {trouble}")
    for team, names in chosen.mcp_of_teams.items():
        trouble = mcp_servers.unknown(names, written.get(_MCP))
        if trouble is not None:
            raise ConfigurationError(f"{path.name}: sekisho: mcp: teams: {team}: {trouble}")


def _section(written: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = written.get(name)
    if section is not None and not isinstance(section, dict):
        raise ConfigurationError(f"{path.name}: {name}: must be a mapping")
    return mapping(section)


_OUR_CALLBACKS = ("sekisho.callbacks.attempts.logger", "sekisho.callbacks.repairs.hook.logger")
_LOG_READERS = ("success_callback", "service_callback", "cache", "max_budget")


def needs_litellm_log(litellm: Mapping[str, Any]) -> bool:
    """Whether the configuration has a reader of LiteLLM's own log, cost or counts of tokens.

    Readers are callbacks beside ours, LiteLLM's cache, and every way of routing or limiting by
    usage.
    """
    switches = mapping(litellm.get("litellm_settings"))
    router = mapping(litellm.get("router_settings"))
    if set(sequence(switches.get("callbacks"))) - set(_OUR_CALLBACKS):
        return True
    if any(switches.get(name) for name in _LOG_READERS):
        return True
    if router.get("routing_strategy", "simple-shuffle") != "simple-shuffle":
        return True
    if router.get("optional_pre_call_checks") or router.get("provider_budget_config"):
        return True
    models = [mapping(model.get("litellm_params")) for model in sequence(litellm.get("model_list"))]
    return any({"rpm", "tpm", "max_budget"} & model.keys() for model in models)
