"""Programs of a few lines for each SDK: ask, run the tools that the model calls, print the answer.

Arguments: the gateway's URL, a key, a model, a prompt. What takes long (`delay` in the prompt) is
streamed. The only tool, `write_file`, has `path` and `content`.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
    "required": ["path", "content"],
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    url: str
    key: str
    model: str
    prompt: str

    @property
    def streams(self) -> bool:
        """Whether the answer takes long."""
        return "delay" in self.prompt


def asked() -> Asked:
    """This program's arguments."""
    return Asked(*sys.argv[1:5])


def write_file(path: str, content: str) -> str:
    """The tool."""
    Path(path).write_text(content)
    return "done"
