"""The Functions that come with Sekisho, read from their files."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("functions")


@dataclass(frozen=True, slots=True)
class Function:
    """One of them; `name` is its file's, `title` what people see, `content` its Python."""

    name: str
    title: str
    description: str
    content: str

    @property
    def id(self) -> str:
        """Its id in Open WebUI, which no other Function has."""
        return f"sekisho_{self.name}"

    def form(self) -> dict[str, Any]:
        """What Open WebUI is told."""
        return {
            "id": self.id,
            "name": self.title,
            "content": self.content,
            "meta": {"description": self.description},
        }


def functions() -> tuple[Function, ...]:
    """All of them by name."""
    files = sorted(_FOLDER.glob("[a-z]*.py"))
    return tuple(_read(file.stem, file.read_text(encoding="utf-8")) for file in files)


def _read(name: str, content: str) -> Function:
    lines = (ast.get_docstring(ast.parse(content)) or "").splitlines()
    head = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return Function(name, head["title"], head["description"], content)
