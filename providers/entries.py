"""Reads a model file into checked entries; every mistake is one line that says how to fix it."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from .deployment import MODES, ConfigError
from .known_keys import known

_ENTRY_KEYS = ("litellm_params", "model_info", "model_name")


@dataclass(frozen=True, slots=True)
class Entry:
    """One checked entry of a ``model_list``, still with its references to variables."""

    file: str
    alias: str
    params: Mapping[str, Any]
    info: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The model as LiteLLM calls it, provider first."""
        return str(self.params["model"])

    @property
    def mode(self) -> str:
        """LiteLLM's name of the mode; ``chat`` when the entry does not say."""
        return str(self.info.get("mode", "chat"))


def read(path: Path) -> list[Entry]:
    """The entries of one file, which must hold a ``model_list`` and nothing else.

    Raises ConfigError with one line naming the file and the entry when something is wrong there.
    """
    try:
        parsed: object = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(parsed, dict) or set(cast("dict[str, object]", parsed)) != {"model_list"}:
        raise ConfigError(f"{path.name}: must hold model_list: and nothing else")
    return check(cast("dict[str, object]", parsed)["model_list"], path.name)


def check(model_list: object, file: str) -> list[Entry]:
    """The entries of a ``model_list``; ``file`` is named in errors.

    Raises ConfigError with one line when something is wrong there.
    """
    if not isinstance(model_list, list):
        raise ConfigError(f"{file}: model_list must be a list")
    return [_entry(raw, file, n) for n, raw in enumerate(cast("list[object]", model_list), 1)]


def _entry(raw: object, file: str, number: int) -> Entry:
    where = f"{file}: entry {number}"
    fields = _mapping(raw, where)
    alias = fields.get("model_name")
    if isinstance(alias, str) and alias:
        where = f"{file}: {alias}"
    _refuse_unknown(fields, _ENTRY_KEYS, where)
    if not isinstance(alias, str) or not alias:
        raise ConfigError(f"{where}: has no model_name")
    params = _mapping(fields.get("litellm_params"), f"{where}: litellm_params")
    info = _mapping(fields.get("model_info", {}), f"{where}: model_info")
    _refuse_unknown(params, known()["litellm_params"], f"{where}: litellm_params")
    _refuse_unknown(info, known()["model_info"], f"{where}: model_info")
    if not isinstance(params.get("model"), str):
        raise ConfigError(f"{where}: litellm_params has no model")
    mode = info.get("mode", "chat")
    if mode not in MODES and mode not in OTHER_MODES:
        raise ConfigError(f"{where}: unknown mode {mode}{_nearest(str(mode), MODES)}")
    return Entry(file, alias, params, info)


def _mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: must be a mapping")
    return cast("dict[str, Any]", value)


def _refuse_unknown(found: Iterable[object], names: Iterable[str], where: str) -> None:
    wanted = frozenset(names)
    for key in found:
        if key not in wanted:
            raise ConfigError(f"{where}: unknown key {key}{_nearest(str(key), wanted)}")


def _nearest(word: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(names), n=1)
    return f", did you mean {near[0]}?" if near else ""


OTHER_MODES = frozenset(
    ("completion", "image_edit", "moderation", "ocr", "realtime", "search", "video_generation")
)
"""Modes of LiteLLM that an operator may use, and that none of our own files has."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
