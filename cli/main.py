"""The `sekisho` command: noun, then verb."""

import importlib

import click

from .. import __version__, config, log_lines
from ..providers.deployment import ConfigError
from ..settings import SettingsError
from .output import Misuse

# Modules are imported when their command is used: `sekisho --help` needs none of them.
_COMMANDS = {
    "up": "up:up",
    "init": "init:init",
    "doctor": "doctor:doctor",
    "keys": "keys.commands:keys",
    "models": "models:models",
    "connect": "connect:connect",
    "openwebui": "openwebui:openwebui",
    "prices": "prices:prices",
    "usage": "usage:usage",
    "logs": "logs:logs",
}


class Commands(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"..{module}", __name__), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sekisho")
@click.option("--config", "config_file", metavar="FILE", help="Configuration file.")
@click.option("--home", metavar="DIR", help="Folder of the gateway's state.")
@click.pass_context
def main(ctx: click.Context, config_file: str | None, home: str | None) -> None:
    """Sekisho: a distribution of LiteLLM Proxy that a company can really run."""
    log_lines.set_up()
    ctx.meta["flags"] = {"config": config_file, "home": home}
    try:
        ctx.obj = config.load_settings(ctx.meta["flags"])
    except (SettingsError, config.ConfigurationError, ConfigError) as error:
        raise Misuse(str(error)) from None
