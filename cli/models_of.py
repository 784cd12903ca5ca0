"""The configuration with its models, for the commands that need it."""

import os

import click

from .. import config
from ..gate import running
from ..pricing.catalog import PriceError
from ..providers.credentials import EVERY_CLOUD
from ..providers.deployment import ConfigError
from ..settings import SettingsError
from .output import Misuse


def configuration(
    ctx: click.Context,
    demo: bool | None = None,
    every_cloud: bool = False,
    **flags: str | None,
) -> config.Configuration:
    """Read everything; a configuration that can't be used ends the command with one line.

    `demo` is by default what the gateway that runs here was started with. With `every_cloud` the
    models of clouds that are not set up are there too: prices need no account.
    """
    given = {**ctx.meta.get("flags", {}), **{k: v for k, v in flags.items() if v is not None}}
    if demo is None:
        here = running.find(ctx.obj.home)
        demo = here is not None and here.demo
    environ = {**EVERY_CLOUD, **os.environ} if every_cloud else os.environ
    try:
        return config.load(given, environ, demo)
    except (SettingsError, config.ConfigurationError, ConfigError, PriceError) as error:
        raise Misuse(str(error)) from None
