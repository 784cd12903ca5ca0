"""The configuration with its models, for the commands that need it."""

import click

from .. import config
from ..pricing.catalog import PriceError
from ..providers.deployment import ConfigError
from ..settings import SettingsError
from .output import Misuse


def configuration(
    ctx: click.Context, demo: bool = False, **flags: str | None
) -> config.Configuration:
    """Read everything; a configuration that can't be used ends the command with one line."""
    given = {**ctx.meta.get("flags", {}), **{k: v for k, v in flags.items() if v is not None}}
    try:
        return config.load(given, demo=demo)
    except (SettingsError, config.ConfigurationError, ConfigError, PriceError) as error:
        raise Misuse(str(error)) from None
