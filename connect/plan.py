"""What a client is to be told: settings in its files, variables, and what only a person can do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Literal

from .formats import dotenv, jsonc, toml, yaml
from .formats.paths import ABSENT, Path, Unmergeable, Value, get, with_value, without

Kind = Literal["json", "toml", "yaml", "env"]
_FORMATS = {"json": jsonc, "toml": toml, "yaml": yaml, "env": dotenv}


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it belongs; with `once` a value that is there already stays."""

    path: Path
    value: Value
    secret: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A client's file; `path` is where it is on this machine."""

    path: FilePath
    kind: Kind
    settings: tuple[Setting, ...]

    @property
    def secret(self) -> bool:
        """Whether a key is in it."""
        return any(setting.secret for setting in self.settings)

    def read(self, text: str) -> object:
        """The data in a text of this file. Raises Unmergeable."""
        found: object = _FORMATS[self.kind].read(text)
        return found

    def merged(self, text: str) -> str:
        """The text with all settings in it, itself when they are there. Raises Unmergeable."""
        for one in self.settings:
            there = get(self.read(text), one.path)
            if there != one.value and not (one.once and there is not ABSENT):
                text = self._put(text, one.path, one.value)
        return text

    def undone(self, text: str, before: str, paths: Iterable[Path]) -> str:
        """The text with the values at these paths as they were before, and all others left alone.

        Raises Unmergeable.
        """
        old = self.read(before)
        for path in paths:
            text = self._restored(text, path, old)
        return text

    def _restored(self, text: str, path: Path, old: object) -> str:
        there, was = get(self.read(text), path), get(old, path)
        if there is ABSENT or there == was:
            return text
        if was is not ABSENT:
            return self._put(text, path, was)
        text = self._drop(text, path)
        # What held nothing but our settings, and wasn't there before, goes too.
        for length in range(len(path) - 1, 0, -1):
            outer = path[:length]
            if get(self.read(text), outer) not in ({}, []) or get(old, outer) is not ABSENT:
                break
            text = self._drop(text, outer)
        return text

    def _put(self, text: str, path: Path, value: Value) -> str:
        expected = with_value(self.read(text), path, value)
        return self._checked(_FORMATS[self.kind].put(text, path, value), expected)

    def _drop(self, text: str, path: Path) -> str:
        expected = without(self.read(text), path)
        return self._checked(_FORMATS[self.kind].drop(text, path), expected)

    def _checked(self, text: str, expected: object) -> str:
        """The new text, which must mean what was meant: nothing less, and nothing more."""
        if self.read(text) != expected:
            raise Unmergeable("it has a form that can't be changed by machine")
        return text


@dataclass(frozen=True, slots=True)
class Plan:
    """All that connects one client; `notes` are lines for a person.

    `managed` is the form for an organisation, which never has a key in it; `managed_notes` say
    where it goes, or what there is instead.
    """

    title: str
    files: tuple[File, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    example: str = ""
    notes: tuple[str, ...] = ()
    managed: tuple[File, ...] = ()
    managed_notes: tuple[str, ...] = ()


__all__ = ["File", "Kind", "Plan", "Setting", "Unmergeable"]
