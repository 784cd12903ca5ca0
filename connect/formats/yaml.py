"""YAML, changed where PyYAML says that a value begins and ends; every other byte stays.

ruamel.yaml keeps comments too, but writes the whole file anew: it re-indents lists and folds long
lines that are none of our business. What is needed here is small: a key at the top of the file,
and an item of a list there.
"""

import json
from typing import Any

import yaml

from ...untyped import sequence
from .paths import Item, Path, Unmergeable, Value, nested


def read(text: str) -> Any:
    """The data; an empty file is an empty mapping. Raises Unmergeable."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Unmergeable(f"it is not YAML: {' '.join(str(error).split())}") from None
    return {} if found is None else found


def put(text: str, path: Path, value: Value) -> str:
    """The text with this value at a key, or at an item of a key's list. Raises Unmergeable."""
    root = _root(text)
    key, rest = path[0], path[1:]
    node = _at(root, key)
    if node is None or _is_nothing(node):
        text = text if node is None else drop(text, path[:1])
        return _ended(text) + _block({str(key): nested(rest, value)})
    if not rest:
        return _replaced(text, node, value)
    if not isinstance(node, yaml.SequenceNode) or not isinstance(rest[0], Item) or len(rest) > 1:
        raise Unmergeable(f"{key} has a form that can't be changed by machine")
    return _with_item(text, node, path, value)


def drop(text: str, path: Path) -> str:
    """The text without the key or the item at the path, which must be there."""
    key, node = next((k, v) for k, v in _root(text).value if k.value == path[0])
    if len(path) == 1:
        return _without_lines(text, key.start_mark.index, _end(text, node))
    assert isinstance(node, yaml.SequenceNode)
    assert isinstance(path[1], Item)
    if node.flow_style:
        raise Unmergeable("a list in brackets can't be changed by machine")
    gone = _item(text, node, path)
    assert gone is not None
    if len(node.value) == 1:
        colon = text.index(":", key.end_mark.index) + 1
        line = text.rfind("\n", 0, gone.start_mark.index) + 1
        return f"{text[:colon]} []{text[colon:line]}{text[_line_end(text, _end(text, gone)) :]}"
    return _without_lines(text, gone.start_mark.index, _end(text, gone))


def _root(text: str) -> Any:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Unmergeable(f"it is not YAML: {' '.join(str(error).split())}") from None
    if root is None:
        return yaml.MappingNode("tag:yaml.org,2002:map", [])
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise Unmergeable("it is not a list of keys with values")
    return root


def _at(root: Any, key: object) -> Any:
    return next((value for name, value in root.value if name.value == key), None)


def _is_nothing(node: Any) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return node.tag == "tag:yaml.org,2002:null"
    return node.flow_style and not node.value


def _replaced(text: str, node: Any, value: Value) -> str:
    if not isinstance(node, yaml.ScalarNode) or isinstance(value, (dict, list)):
        raise Unmergeable("a value has a form that can't be changed by machine")
    end = _end(text, node)
    return text[: node.start_mark.index] + _scalar(value) + text[end:]


def _with_item(text: str, node: Any, path: Path, value: Value) -> str:
    if node.flow_style:
        raise Unmergeable("a list in brackets can't be changed by machine")
    dash = text.rfind("-", 0, node.value[0].start_mark.index)
    indent = " " * (dash - text.rfind("\n", 0, dash) - 1)
    block = "".join(indent + line for line in _block([value]).splitlines(keepends=True))
    gone = _item(text, node, path)
    if gone is None:
        place = _line_end(text, _end(text, node))
        return _ended(text[:place]) + block + text[place:]
    start = text.rfind("\n", 0, gone.start_mark.index) + 1
    return text[:start] + block + text[_line_end(text, _end(text, gone)) :]


def _item(text: str, node: Any, path: Path) -> Any:
    key, item = path
    assert isinstance(item, Item)
    place = item.find(sequence(read(text)[key]))
    return None if place is None else node.value[place]


def _end(text: str, node: Any) -> int:
    """Where the last thing of a node ends; a block's own end is where the next one begins."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        end: int = node.end_mark.index
        return end - 1 if text[end - 1 : end] == "\n" else end
    children = [one for pair in node.value for one in (pair if isinstance(pair, tuple) else [pair])]
    return max(_end(text, child) for child in children)


def _line_end(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def _without_lines(text: str, start: int, end: int) -> str:
    return text[: text.rfind("\n", 0, start) + 1] + text[_line_end(text, end) :]


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _block(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return yaml.safe_dump([value], default_flow_style=True, width=10_000)[1:-2]
    return json.dumps(value)
