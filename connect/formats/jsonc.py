"""JSON with comments and trailing commas, as the clients' settings files have them.

There is no maintained Python library that changes JSONC and keeps its comments; what is needed of
one is small: find where a value begins and ends, and write in between.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from .paths import Item, Path, Unmergeable, Value, nested

_SPACE = re.compile(r"(?:[\s\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*(?:/\*[^\n]*?\*/[ \t]*)*(?://[^\n]*)?(?=\r?\n)")
_DECODER = json.JSONDecoder()


@dataclass(slots=True)
class Node:
    """A value and where it is; `members` are a container's, with where each begins and its key."""

    start: int
    end: int = 0
    value: Any = None
    members: list[tuple[int, str, "Node"]] = field(default_factory=list[Any])
    is_list: bool = False
    comma: bool = False  # after the last member

    @property
    def holds(self) -> bool:
        """Whether it is an object or a list."""
        return isinstance(self.value, (dict, list))


def read(text: str) -> Any:
    """The data; an empty file is an empty object. Raises Unmergeable."""
    return _tree(text).value if not _is_empty(text) else {}


def put(text: str, path: Path, value: Value) -> str:
    """The text with this value at the path. Raises Unmergeable."""
    if _is_empty(text):
        text += "{}\n"
    node = _tree(text)
    for depth, step in enumerate(path):
        found = _child(node, step)
        if found is None:
            return _insert(text, node, step, nested(path[depth + 1 :], value))
        node = found
    return text[: node.start] + _dump(text, value, _indent_at(text, node.start)) + text[node.end :]


def drop(text: str, path: Path) -> str:
    """The text without the member or item at the path, which must be there."""
    parent = _tree(text)
    for step in path[:-1]:
        child = _child(parent, step)
        assert child is not None
        parent = child
    node = _child(parent, path[-1])
    place = next(n for n, member in enumerate(parent.members) if member[2] is node)
    start, _, gone = parent.members[place]
    end = gone.end
    after = _SPACE.match(text, end)
    assert after is not None
    if text[after.end()] == ",":
        end = after.end() + 1
    elif place:  # it was the last: the comma before it goes too
        comma = text.rindex(",", parent.members[place - 1][2].end, start)
        if _SPACE.fullmatch(text, parent.members[place - 1][2].end, comma):
            tail = text[comma + 1 : start].rstrip()
            return text[:comma] + tail + text[end:]
    before = text[:start].rstrip(" \t\r\n")
    if before.endswith(("{", "[")) and text[end:].lstrip(" \t\r\n")[:1] in ("}", "]"):
        return before + text[end:].lstrip(" \t\r\n")
    return before + text[end:]


def _is_empty(text: str) -> bool:
    return _SPACE.fullmatch(text) is not None


def _child(node: Node, step: str | Item) -> Node | None:
    if isinstance(step, Item):
        if not node.is_list:
            raise Unmergeable("a list was expected where there is something else")
        place = step.find(node.value)
        return None if place is None else node.members[place][2]
    if not isinstance(node.value, dict):
        raise Unmergeable(f"an object was expected around {step!r}")
    return next((child for _, key, child in reversed(node.members) if key == step), None)


def _insert(text: str, node: Node, step: str | Item, value: Value) -> str:
    """The text with a new last member."""
    name = "" if isinstance(step, Item) else f"{json.dumps(step, ensure_ascii=False)}: "
    line = "\r\n" if "\r\n" in text else "\n"
    outer = _indent_at(text, node.start)
    if not node.members:
        indent = outer + _unit(text)
        inside = text[node.start + 1 : node.end - 1].rstrip()
        member = f"{line}{indent}{name}{_dump(text, value, indent)}{line}{outer}"
        return text[: node.start + 1] + inside + member + text[node.end - 1 :]
    first, last = node.members[0][0], node.members[-1][2].end
    if "\n" not in text[node.start : first]:
        comma = "" if node.comma else ","
        place = text.index(",", last) + 1 if node.comma else last
        member = f"{comma} {name}{json.dumps(value, ensure_ascii=False)}"
        return text[:place] + member + text[place:]
    indent = _indent_at(text, first)
    if node.comma:
        last = text.index(",", _after_space(text, last)) + 1
        head = text[:last]
    else:
        head = text[:last] + ","
    rest = _REST_OF_LINE.match(text, last)
    cut = rest.end() if rest else last
    member = f"{line}{indent}{name}{_dump(text, value, indent)}{',' if node.comma else ''}"
    return head + text[last:cut] + member + text[cut:]


def _dump(text: str, value: Value, indent: str) -> str:
    """The value over several lines, indented as the file is."""
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return ("\r\n" if "\r\n" in text else "\n").join([lines[0], *(indent + x for x in lines[1:])])


def _unit(text: str) -> str:
    """What the file indents by: that of its first indented line, else two spaces."""
    found = re.search(r"^([ \t]+)[\"\w\[{]", text, re.MULTILINE)
    return found[1] if found else "  "


def _indent_at(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()


def _tree(text: str) -> Node:
    try:
        node = _value(text, _after_space(text, 0))
        if _after_space(text, node.end) != len(text):
            raise ValueError("there is something after the end")
    except (ValueError, IndexError, RecursionError) as error:
        raise Unmergeable(f"it is not JSON: {error}") from None
    return node


def _value(text: str, start: int) -> Node:
    if text[start] == "{":
        return _container(text, Node(start, value={}))
    if text[start] == "[":
        return _container(text, Node(start, value=[], is_list=True))
    value, end = _DECODER.raw_decode(text, start)
    return Node(start, end, value)


def _container(text: str, node: Node) -> Node:
    place = _after_space(text, node.start + 1)
    while text[place] not in "}]":
        begin, key = place, ""
        if not node.is_list:
            key, place = _key(text, place)
        child = _value(text, place)
        node.members.append((begin, key, child))
        if node.is_list:
            node.value.append(child.value)
        else:
            node.value[key] = child.value
        place = _after_space(text, child.end)
        node.comma = text[place] == ","
        if node.comma:
            place = _after_space(text, place + 1)
        elif text[place] not in "}]":
            raise ValueError(f"line {text.count(chr(10), 0, place) + 1}: a comma is missing")
    if text[place] != ("]" if node.is_list else "}"):
        raise ValueError("brackets don't match")
    node.end = place + 1
    return node


def _key(text: str, place: int) -> tuple[str, int]:
    key, end = _DECODER.raw_decode(text, place)
    end = _after_space(text, end)
    if not isinstance(key, str) or text[end] != ":":
        raise ValueError(f"line {text.count(chr(10), 0, place) + 1}: a key is expected")
    return key, _after_space(text, end + 1)
