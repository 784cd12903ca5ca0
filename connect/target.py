"""Which gateway, with which key, and which of its models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .models import Model

PLACEHOLDER = "YOUR_SEKISHO_KEY"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person's files are: their home, their variables, their system (`sys.platform`)."""

    home: Path
    environ: Mapping[str, str]
    platform: str = "linux"

    def folder(self, variable: str, *default: str) -> Path:
        """The folder that a variable names, else one below the home."""
        named = self.environ.get(variable)
        return Path(named).expanduser() if named else self.home.joinpath(*default)

    def system(self, linux: str, macos: str) -> Path:
        """Where an organisation puts a file for all users of a machine."""
        return Path(macos if self.platform == "darwin" else linux)


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway, without a path in `url`, and what is to be asked there.

    `models` are those that a client may list; `model` and `small` are among them, or were asked
    for by name.
    """

    url: str
    key: str
    models: tuple[Model, ...]
    model: Model
    small: Model
    place: Place

    @property
    def openai(self) -> str:
        """The address that clients of OpenAI's API take."""
        return f"{self.url}/v1"

    def listed(self) -> list[Model]:
        """The models that a client lists: the chosen ones first."""
        chosen = [self.model, *([self.small] if self.small != self.model else [])]
        return [*chosen, *(one for one in self.models if one not in chosen)]
