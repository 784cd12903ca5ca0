"""Which models LiteLLM may ask instead of another, and whether that may be.

Whoever sends tools needs a model that calls them. LiteLLM takes the tools out of a request for a
model that has none (`drop_params`), and the client gets prose where it waits for a call. So no
model with tools may fall back to one without, in any number of steps, and no alias may have
deployments of both kinds: a failed try goes to another deployment of the alias. It is a mistake of
the configuration, and told when it is read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .providers.deployment import Deployment
from .untyped import mapping, sequence


def of(litellm: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The aliases that LiteLLM may ask instead of an alias, theirs included."""
    direct: dict[str, list[str]] = {}
    everywhere: list[str] = []
    for section in ("litellm_settings", "router_settings"):
        written = mapping(litellm.get(section))
        everywhere += [str(name) for name in sequence(written.get("default_fallbacks"))]
        for kind in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
            for entry in sequence(written.get(kind)):
                for alias, names in mapping(entry).items():
                    direct.setdefault(alias, []).extend(map(str, sequence(names)))
    everywhere += direct.get("*", [])
    aliases = {str(mapping(model).get("model_name")) for model in sequence(litellm["model_list"])}
    return {a: _reached(a, direct, everywhere) for a in aliases if everywhere or a in direct}


def trouble(litellm: Mapping[str, Any], deployments: Iterable[Deployment]) -> str | None:
    """One line about tools that would be lost on the way, with the remedy; None if none would."""
    with_tools: set[str] = set()
    without: dict[str, Deployment] = {}
    for one in deployments:
        if one.mode in ("chat", "responses"):
            if _has_tools(one):
                with_tools.add(one.alias)
            else:
                without.setdefault(one.alias, one)
    for alias in sorted(with_tools & without.keys()):
        return _MIXED.format(alias, without[alias].model, _REMEDY)
    for alias, others in sorted(of(litellm).items()):
        lost = next((name for name in others if name in without), None)
        if alias in with_tools and lost is not None:
            return _LOST.format(alias, lost, lost, _REMEDY)
    return None


_MIXED = "model_list: {}: {} has no tools and other models of this alias do: {}"
_LOST = "fallbacks: {} may fall back to {}, and {} has no tools: {}"
_REMEDY = (
    "a request with tools could be answered by a model that can't call them; choose another "
    "model, or set model_info.supports_function_calling: true if it has them"
)


def _has_tools(deployment: Deployment) -> bool:
    """What the model's entry says; of an operator's own model it may say nothing."""
    said = deployment.model_info.get("supports_function_calling")
    return said is True or (said is None and deployment.cloud in ("custom", "demo"))


def _reached(
    alias: str, direct: Mapping[str, Sequence[str]], everywhere: Sequence[str]
) -> tuple[str, ...]:
    found, waiting = [alias], [alias]
    while waiting:
        for name in (*direct.get(waiting.pop(), ()), *everywhere):
            if name not in found:
                found.append(name)
                waiting.append(name)
    return tuple(found[1:])
