"""Where a value is in a settings file, and what setting it there means, whatever the format."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...untyped import mapping, sequence

Value = str | int | float | bool | None | Mapping[str, Any] | list[Any]


class Unmergeable(ValueError):
    """The file can't be changed by machine; the message is the reason, without the file's name."""


@dataclass(frozen=True, slots=True)
class Item:
    """The item of a list that has this value under this key."""

    key: str
    value: str

    def find(self, items: list[Any]) -> int | None:
        """Its place in the list, or None."""
        found = (n for n, one in enumerate(items) if mapping(one).get(self.key) == self.value)
        return next(found, None)


Step = str | Item
Path = tuple[Step, ...]


def as_json(path: Path) -> list[Any]:
    """A path as JSON can say it: an item of a list is a pair."""
    return [[step.key, step.value] if isinstance(step, Item) else step for step in path]


def from_json(steps: list[Any]) -> Path:
    """The path that `as_json` has written. Raises ValueError, TypeError."""
    return tuple(Item(*map(str, step)) if isinstance(step, list) else str(step) for step in steps)


class Absent:
    """There is no value at a path."""


ABSENT = Absent()


def get(data: Any, path: Path) -> Any:
    """The value at a path, or ABSENT."""
    for step in path:
        if isinstance(step, Item):
            items = sequence(data)
            place = step.find(items)
            if place is None:
                return ABSENT
            data = items[place]
        else:
            members = mapping(data)
            if step not in members:
                return ABSENT
            data = members[step]
    return data


def with_value(data: Any, path: Path, value: Value) -> Any:
    """A copy of the data in which the path has this value. Raises Unmergeable."""
    if not path:
        return copy.deepcopy(value)
    step, rest = path[0], path[1:]
    if isinstance(step, Item):
        items = [*_expect(data, list)]
        place = step.find(items)
        if place is None:
            return [*items, with_value(None, rest, value)]
        items[place] = with_value(items[place], rest, value)
        return items
    members: dict[str, Any] = dict(_expect(data, dict))
    members[step] = with_value(members.get(step), rest, value)
    return members


def without(data: Any, path: Path) -> Any:
    """A copy of the data in which the path, which is there, is not."""
    step, rest = path[0], path[1:]
    if isinstance(step, Item):
        items = sequence(data)
        place = step.find(items)
        assert place is not None
        tail = [without(items[place], rest)] if rest else []
        return [*items[:place], *tail, *items[place + 1 :]]
    members = dict(mapping(data))
    if rest:
        members[step] = without(members[step], rest)
    else:
        del members[step]
    return members


def nested(path: Path, value: Value) -> Value:
    """The value with the containers of a path around it."""
    for step in reversed(path):
        value = [value] if isinstance(step, Item) else {step: value}
    return value


def _expect(data: Any, kind: type[Any]) -> Any:
    """The container, an empty one for nothing. Raises Unmergeable for anything else."""
    if data is None:
        return kind()
    if not isinstance(data, kind):
        words = "a list" if kind is list else "an object"
        raise Unmergeable(f"{words} was expected where there is {type(data).__name__}")
    return data
