"""The models behind the gateway as clients need to know them, and which of them to start with."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..providers.deployment import MODES, Deployment
from ..untyped import mapping, sequence, text

_TALKS = ("chat", "responses")
_CLOUDS = re.compile(r"-(bedrock|vertex|azure)$")

# The newest of the first family that the gateway has is what a client starts with.
CLAUDE = (r"claude-sonnet-\d", r"claude-opus-\d", r"claude-")
GPT = (r"gpt-[\d.]+-sol", r"gpt-[\d.]+$", r"gpt-\d")
GEMINI = (r"gemini-[\d.]+-pro", r"gemini-\d")
SMALL = {
    "claude": (r"claude-haiku-\d",),
    "gpt": (r"gpt-[\d.]+-(luna|mini)", r"gpt-[\d.]+-nano"),
    "gemini": (r"gemini-[\d.]+-flash(-preview)?$",),
}


class NoModel(Exception):
    """There is no such model, or none that the client can use; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """One alias; sizes are in tokens, None where they aren't known."""

    alias: str
    context: int | None
    output: int | None
    tools: bool
    images: bool
    reasoning: bool
    mode: str = "chat"

    @property
    def talks(self) -> bool:
        """Whether it answers conversations, as every client here needs."""
        return self.mode in _TALKS


def from_deployments(deployments: Iterable[Deployment]) -> list[Model]:
    """The aliases of a configuration."""
    return _together((one.alias, one.mode, one.model_info) for one in deployments)


def from_answer(answer: object) -> list[Model]:
    """The aliases of a gateway's `/v1/model/info`: those that the key may use."""
    entries = map(mapping, sequence(mapping(answer).get("data")))
    infos = ((text(one.get("model_name")), mapping(one.get("model_info"))) for one in entries)
    return _together(
        (name, MODES.get(str(info.get("mode") or "chat"), "other"), info)
        for name, info in infos
        if name
    )


def _together(found: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Model]:
    """One model for each alias: any of its deployments may answer, so the least counts."""
    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for alias, mode, info in found:
        groups.setdefault(alias, []).append((mode, info))
    return [_least(alias, group) for alias, group in groups.items()]


def _least(alias: str, group: Sequence[tuple[str, Mapping[str, Any]]]) -> Model:
    infos = [info for _, info in group]
    return Model(
        alias,
        context=_smallest(infos, "max_input_tokens"),
        output=_smallest(infos, "max_output_tokens"),
        tools=all(info.get("supports_function_calling") for info in infos),
        images=all(info.get("supports_vision") for info in infos),
        reasoning=all(info.get("supports_reasoning") for info in infos),
        mode=group[0][0],
    )


def _smallest(infos: Iterable[Mapping[str, Any]], key: str) -> int | None:
    sizes = [size for info in infos if isinstance(size := info.get(key), int)]
    return min(sizes, default=None)


def usable(models: Sequence[Model], tools: bool) -> list[Model]:
    """Those that a client can list: they talk, take tools where it needs them, and are no twin.

    A twin is the alias that pins one cloud of another alias (`claude-opus-5-5-vertex`).
    """
    names = {one.alias for one in models}
    talking = [one for one in models if one.talks and not _is_twin(one.alias, names)]
    able = [one for one in talking if one.tools or not tools]
    return able or talking


def _is_twin(alias: str, names: set[str]) -> bool:
    short = _CLOUDS.sub("", alias)
    return short != alias and short in names


def named(models: Sequence[Model], alias: str) -> Model:
    """The model that a person asked for. Raises NoModel, with the nearest names."""
    known = {one.alias: one for one in models}
    if alias not in known:
        near = difflib.get_close_matches(alias, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "'sekisho models list' lists them"
        raise NoModel(f"there is no model {alias}: {hint}")
    if not known[alias].talks:
        raise NoModel(f"{alias} is a model for {known[alias].mode}, not for conversations")
    return known[alias]


def first(models: Sequence[Model], families: Sequence[str]) -> Model | None:
    """The newest model of the first family that is there."""
    for family in families:
        found = [one for one in models if re.match(family, one.alias)]
        if found:
            return min(found, key=lambda one: (_age(one.alias), len(one.alias), one.alias))
    return None


def small_beside(models: Sequence[Model], model: Model) -> Model:
    """The small model of the same maker, or the model itself."""
    maker = model.alias.partition("-")[0]
    return first(models, SMALL.get(maker, ())) or model


def _age(alias: str) -> tuple[float, ...]:
    """A key that sorts newer versions first: `gpt-6.1-sol` before `gpt-6-sol`."""
    found = re.search(r"\d+(?:[.-]\d{1,2}(?!\d))*", alias)
    parts = [-float(part) for part in re.split(r"[.-]", found[0])] if found else []
    return (*parts, 0.0, 0.0, 0.0)[:3]
