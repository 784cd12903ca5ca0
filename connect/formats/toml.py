"""TOML, with tomlkit: it writes a file back as it was, comments, order and spaces included.

The standard library only reads TOML; tomlkit (MIT, no dependencies, kept by Poetry's authors) is
what changes it in place. What it wrote is read back with the standard library.
"""

import tomllib
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

from .paths import Path, Unmergeable, Value


def read(text: str) -> Any:
    """The data. Raises Unmergeable."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unmergeable(f"it is not TOML: {error}") from None


def put(text: str, path: Path, value: Value) -> str:
    """The text with this value at the path, whose steps are keys. Raises Unmergeable."""
    document = _document(text)
    table: Any = document
    for depth, step in enumerate(path[:-1]):
        if step not in table:
            table[step] = tomlkit.table(is_super_table=depth < len(path) - 2)
        table = table[step]
        if not isinstance(table, dict):
            raise Unmergeable(f"{step} is not a table")
    cast("dict[Any, Any]", table)[path[-1]] = value
    return tomlkit.dumps(document)


def drop(text: str, path: Path) -> str:
    """The text without the key at the path, which must be there."""
    document = _document(text)
    table: Any = document
    for step in path[:-1]:
        table = table[step]
    del table[path[-1]]
    return tomlkit.dumps(document)


def _document(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise Unmergeable(f"it is not TOML: {error}") from None
