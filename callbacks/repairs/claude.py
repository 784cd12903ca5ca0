"""Generations of Claude, whose rules differ."""

import re

Generation = tuple[int, int]

ADAPTIVE: Generation = (4, 6)  # the first that decides itself how much it thinks

_NUMBERS = re.compile(r"claude-(?:[a-z]+-)?(\d)(?:[-.](\d)(?!\d))?")


def generation(model: str) -> Generation:
    """(5, 5) of claude-opus-5-5, (4, 0) of claude-sonnet-4@20250514; without a number, new."""
    found = _NUMBERS.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (9, 9)
