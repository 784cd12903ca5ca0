"""`sekisho init`: a copy of the configuration to edit."""

import shutil
from pathlib import Path

import click

from .. import config
from ..providers import loader
from .output import Problem


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Put an editable copy of litellm_config.yaml and providers/ into FOLDER.

    FOLDER is made if it is not there. Start with it: sekisho up --config FOLDER/litellm_config.yaml
    """
    target = folder / config.PACKAGED.name
    if target.exists():
        raise Problem(f"{target} is there already; choose another folder, or edit that file")
    try:
        (folder / "providers").mkdir(parents=True, exist_ok=True)
        shutil.copy(config.PACKAGED, target)
        for path in sorted(loader.FOLDER.glob("*.yaml")):
            if path.name != "known_keys.yaml":
                shutil.copy(path, folder / "providers" / path.name)
    except OSError as error:
        raise Problem(f"{error.filename}: {error.strerror}") from None
    click.echo(f"Wrote {target} and {folder / 'providers'}/. Start with:")
    click.echo(f"  sekisho up --config {target}")
