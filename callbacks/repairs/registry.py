"""Every repair, in the order in which they are made."""

from collections.abc import Iterable

from . import (
    answer_length,
    cache_markers,
    dropped_params,
    encrypted_reasoning,
    gemini_tool_ids,
    long_tool_names,
    server_tools,
    temperature_top_p,
    thinking_budget,
    tool_schemas,
    vertex_labels,
)
from .call import Call, Repair

# Tools are settled before their names, and all that is cached before its markers.
REPAIRS: tuple[Repair, ...] = (
    server_tools,
    tool_schemas,
    gemini_tool_ids,
    long_tool_names,
    answer_length,
    thinking_budget,
    dropped_params,
    temperature_top_p,
    encrypted_reasoning,
    vertex_labels,
    cache_markers,
)
NAMES = tuple(repair.NAME for repair in REPAIRS)


def without(off: Iterable[str]) -> tuple[Repair, ...]:
    """The repairs that are not switched off."""
    gone = frozenset(off)
    return tuple(repair for repair in REPAIRS if repair.NAME not in gone)


def mend(call: Call, repairs: Iterable[Repair] = REPAIRS) -> None:
    """Make the repairs that this call needs."""
    for repair in repairs:
        repair.apply(call)


def markdown_table() -> str:
    """The repairs as a Markdown table, for docs/clients.md."""
    rows = ["| Repair | What it does, for whom |", "|---|---|"]
    for repair in REPAIRS:
        words = " ".join((repair.__doc__ or "").split())
        rows.append(f"| `{repair.NAME}` | {words} |")
    return "\n".join(rows) + "\n"
