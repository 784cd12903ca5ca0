"""`sekisho up`: start the gateway."""

import os
import socket
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from .. import config
from ..gate import entry, metrics, running, server
from ..keys.master import ensure_master_key
from ..keys.row import KeysError
from ..keys.store import Store
from ..lake import place
from ..lake.place import LakeError
from ..lake.shipping.shipper import Shipper
from ..pricing import verify
from . import greeting, output
from .models_of import configuration
from .output import Misuse, Problem


@click.command("up")
@click.option("--config", "config_file", metavar="FILE", help="Configuration file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=4000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that serve; a core can keep one busy.",
)
@click.option("--demo", is_flag=True, help="Add the built-in model 'demo' (no cloud needed).")
@click.option("--allow-unpriced", is_flag=True, help="Start although a model has no price.")
@click.option("--no-ship", is_flag=True, help="Leave shipping the log to 'sekisho logs ship'.")
@click.pass_context
def up(
    ctx: click.Context,
    config_file: str | None,
    host: str,
    port: int,
    workers: int,
    demo: bool,
    allow_unpriced: bool,
    no_ship: bool,
) -> None:
    """Start the gateway: keys, prices and the log in front of LiteLLM."""
    found = configuration(ctx, demo, config=config_file)
    home = found.settings.home
    try:
        with running.alone(home):
            _prepare(found, allow_unpriced, demo)
            listener = _listen(host, port)
            _environment(ctx, found, config_file, demo)
            sys.exit(_serve(found, listener, workers, demo, no_ship))
    except running.InUse:
        raise Problem(
            f"SEKISHO_HOME={home} is in use by another gateway{_where(home)}; stop that one, or "
            "give this one a folder of its own with --home"
        ) from None
    except OSError as error:
        raise Problem(
            f"SEKISHO_HOME={home} can't be used: {error.strerror}; "
            "point it at a folder that this user may write"
        ) from None


def _prepare(found: config.Configuration, allow_unpriced: bool, demo: bool) -> None:
    """Everything that can be found wrong before a port is opened."""
    _prepare_state(found)
    _refuse_unpriced(found, allow_unpriced)
    _tell_skipped(found, demo)
    if not found.deployments:
        raise Problem(
            "no model can be served: set the variables of a cloud (docs/providers.md), "
            "or try 'sekisho up --demo'"
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return server.listen(host, port)
    except OSError as error:
        raise Problem(
            f"{host}:{port} can't be used: {error.strerror}; "
            "stop what listens there or choose another --host or --port"
        ) from None


def _serve(
    found: config.Configuration, listener: socket.socket, workers: int, demo: bool, no_ship: bool
) -> int:
    """Serve until the gateway is stopped; its exit code."""
    settings = found.settings
    address = server.address(listener)
    aliases = output.counted(len({d.alias for d in found.deployments}), "model")
    click.echo(f"sekisho: {aliases}, starting LiteLLM (some seconds) ...", err=True)
    greeting.when_ready(address, greeting.demo_key(settings) if demo else None)
    with (
        running.announced(settings.home, address, demo),
        nullcontext() if no_ship else Shipper(settings.spool, settings.lake),
    ):
        return server.serve(listener, workers, settings.drain_seconds)


def _where(home: Path) -> str:
    here = running.find(home)
    return f" ({here.url}, process {here.pid})" if here else ""


def _tell_skipped(found: config.Configuration, demo: bool) -> None:
    """What was left out: a line for each, or one line in the demo, where it is no surprise."""
    if demo and found.skipped:
        names = ", ".join(skipped.what for skipped in found.skipped)
        click.echo(f"sekisho: {names} left out; what they need: sekisho doctor", err=True)
        return
    for skipped in found.skipped:
        click.echo(f"sekisho: {skipped}", err=True)


def _prepare_state(found: config.Configuration) -> None:
    """The folders, the master key and the key store, before anything is served."""
    settings = found.settings
    try:
        place.check(settings.lake)  # told now, not when rows are shipped
        settings.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.master_key:
            ensure_master_key(settings.home)
        config.forget_old_files(settings.home)
        metrics.make_folder(settings.home)
        Store(settings.database_url, migrate=True).close()
    except LakeError as error:
        raise Misuse(str(error)) from None
    except KeysError as error:
        raise Problem(str(error)) from None


def _refuse_unpriced(found: config.Configuration, allowed: bool) -> None:
    findings = verify.check(found.deployments)
    if not findings:
        return
    if allowed:
        for finding in findings:
            click.echo(f"  warning: {finding}", err=True)
        return
    more = f" (and {len(findings) - 1} more: sekisho prices check)" if len(findings) > 1 else ""
    raise Problem(
        f"{findings[0]}{more}; add the price to model_info, or start with --allow-unpriced"
    )


def _environment(
    ctx: click.Context, found: config.Configuration, config_file: str | None, demo: bool
) -> None:
    """What the workers read; they load the configuration from the same places as we did."""
    os.environ["SEKISHO_HOME"] = str(found.settings.home)
    chosen = config_file or ctx.meta["flags"].get("config")
    if chosen:
        os.environ["SEKISHO_CONFIG"] = chosen
    config.write_for_litellm(found)  # for people to look at; each worker writes its own
    os.environ[entry.DEMO] = "1" if demo else "0"
    os.environ[metrics.FOLDER_VARIABLE] = str(metrics.folder(found.settings.home))
