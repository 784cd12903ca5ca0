"""`sekisho openwebui`: set Open WebUI up in front of this gateway, and prove that it works."""

import sys
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from ..gate import running
from . import connect_target, engines, output
from .keys.store import KeyPlaces, by_option, who
from .openwebui_keys import StoredKeys

if TYPE_CHECKING:
    from ..frontends.open_webui.client import Client
    from ..frontends.open_webui.environment import Site
    from ..frontends.open_webui.install import Report
    from ..frontends.open_webui.verify import Check
    from ..lake.record import Record

_DEFAULT_URL = "https://chat.corp.example"
_FUNCTIONS = ("full_document", "user_to_gateway", "cost_line")
_LATEST = 1000  # rows that are looked through for the one of `verify`
_COLOURS = {True: "green", False: "red"}


class Places(engines.LakePlaces, KeyPlaces, Protocol):
    """The part of `Settings` that these commands use."""

    @property
    def openwebui_jwt_secret(self) -> tuple[str, ...]:
        """What Open WebUI signs its users with."""
        ...


_Command = TypeVar("_Command", bound=Callable[..., Any])


def _shared(command: _Command) -> _Command:
    options = (
        click.option("--url", metavar="URL", help="Open WebUI, as http://localhost:8080."),
        click.option(
            "--admin-token",
            envvar="OPENWEBUI_ADMIN_TOKEN",
            metavar="TOKEN",
            help="An admin's token or API key; or set OPENWEBUI_ADMIN_TOKEN.",
        ),
        click.option(
            "--gateway-url",
            metavar="URL",
            help="The gateway as Open WebUI reaches it. Default: the one that runs here.",
        ),
        click.option("--group", metavar="NAME", help="The group that may use the models."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("openwebui")
def openwebui() -> None:
    """Set Open WebUI up in front of this gateway, and prove that it works."""


@openwebui.command("install")
@_shared
@click.option("--everyone", is_flag=True, help="Everyone may use the models.")
@click.option("--key", help="Open WebUI's frontend key. Default: the one it has, or a new one.")
@click.option("--alias", default="open-webui", show_default=True, help="Name of a new key.")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(_FUNCTIONS),
    help="A Function that shall be off; as often as needed.",
)
@click.option("--print-env", is_flag=True, help="Print the set-up as variables; change nothing.")
@click.option("--domain", default="corp.example", help="With --print-env: who may sign in.")
@click.option(
    "--issuer",
    default="https://accounts.google.com",
    show_default=True,
    help="With --print-env: the identity provider (OIDC).",
)
@click.option("--mcp", multiple=True, metavar="NAME", help="With --print-env: an MCP server.")
@by_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def install(
    ctx: click.Context,
    url: str | None,
    admin_token: str | None,
    gateway_url: str | None,
    group: str | None,
    everyone: bool,
    key: str | None,
    alias: str,
    without: tuple[str, ...],
    print_env: bool,
    domain: str,
    issuer: str,
    mcp: tuple[str, ...],
    by: str | None,
    as_json: bool,
) -> None:
    """Give Open WebUI its connection, its models and the Functions; tell what has changed.

    A second run changes nothing. Without --group and --everyone, models that are there keep their
    readers, and a new installation's are for everyone.
    """
    gateway, reach = _gateway(ctx, gateway_url)
    if print_env:
        from ..frontends.open_webui.environment import Site

        site = Site(gateway, key or "", url or _DEFAULT_URL, domain, issuer, mcp, bool(group))
        return _print_environment(ctx, site, ours=gateway_url is None)
    if group and everyone:
        raise output.Misuse("--group and --everyone exclude each other")
    from ..frontends.open_webui import install as installing

    wish = installing.Wish(gateway, reach, key, group, everyone, frozenset(without))
    keys = StoredKeys(ctx.obj, alias, who(by))
    with _client(url, admin_token) as client, _one_line():
        report = installing.install(client, wish, keys)
    return _tell(report, as_json)


@openwebui.command("verify")
@_shared
@click.option("--model", metavar="ID", help="The model to ask. Default: the cheapest.")
@click.option("--wait", default=30, show_default=True, metavar="SECONDS", help="For the log's row.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def verify(
    ctx: click.Context,
    url: str | None,
    admin_token: str | None,
    gateway_url: str | None,
    group: str | None,
    model: str | None,
    wait: int,
    as_json: bool,
) -> None:
    """Ask a question as a new user, and find it in the log under that user; then delete the user.

    Exit code 1 when a link of the chain doesn't hold. The question costs what the cheapest model
    costs. With --group the user joins that group first.
    """
    from ..frontends.open_webui import verify as verifying

    places: Places = ctx.obj
    gateway, reach = _gateway(ctx, gateway_url)
    found: list[Check] = []
    with _client(url, admin_token) as client, _one_line():
        from ..frontends.open_webui.asking import Person

        chain = verifying.Chain(
            gateway,
            reach,
            sign_in=lambda token: Person(client.url, token),
            find=lambda request_id: _row(places, request_id),
            signed=bool(places.openwebui_jwt_secret),
            model=model,
            group=group,
            patience=wait,
        )
        with closing(verifying.checks(client, chain)) as links:
            for check in links:
                found.append(check)
                if not as_json:
                    _print(check)
    if as_json:
        output.print_json([asdict(check) for check in found])
    sys.exit(0 if all(check.ok for check in found) else 1)


def _gateway(ctx: click.Context, typed: str | None) -> tuple[str, tuple[str, ...]]:
    """The gateway as Open WebUI reaches it, and where this machine may. Raises Misuse."""
    here = running.find(ctx.obj.home)
    near = here.url if here else connect_target.DEFAULT
    url = connect_target.address(typed, "--gateway-url") if typed else near
    return url, tuple(dict.fromkeys((url, *([here.url] if here else []))))


@contextmanager
def _client(url: str | None, token: str | None) -> "Generator[Client]":
    """Open WebUI's admin API. Raises Misuse."""
    from ..frontends.open_webui.client import Client

    if not url:
        raise output.Misuse("--url is missing: where Open WebUI runs, as http://localhost:8080")
    address = connect_target.address(url)
    if not token:
        raise output.Misuse(
            "--admin-token is missing: an admin's, from Open WebUI > Settings > Account; or set "
            "OPENWEBUI_ADMIN_TOKEN"
        )
    if not token.isascii() or not token.isprintable():
        raise output.Misuse("--admin-token: has characters that no token has")
    with closing(Client(address, token)) as client:
        yield client


@contextmanager
def _one_line() -> Generator[None]:
    """Turn the room's errors, whose messages are made for people, into `Problem`."""
    from ..frontends.open_webui.client import OpenWebUIError
    from ..frontends.open_webui.wanted import Unsure

    try:
        with output.one_line():
            yield
    except Unsure as error:
        raise output.Misuse(str(error)) from None
    except OpenWebUIError as error:
        raise output.Problem(str(error)) from None


def _row(places: Places, request_id: str) -> "Record | None":
    from ..lake.asking import query

    rows = query.latest(places.lake, places.spool, _LATEST)
    return next((row for row in rows if row.request_id == request_id), None)


def _tell(report: "Report", as_json: bool) -> None:
    if as_json:
        output.print_json(
            {"changes": [asdict(one) for one in report.changes], "notes": report.notes}
        )
        return
    if report.changes:
        rows = [(one.what, one.name, one.how) for one in report.changes]
        output.print_table(("", "", ""), rows)
    else:
        click.echo("nothing to change")
    for note in report.notes:
        click.echo(output.printable(note), err=True)


def _print(check: "Check") -> None:
    mark = click.style("  ok" if check.ok else "fail", fg=_COLOURS[check.ok])
    click.echo(f"{mark}  {check.name}: {output.printable(check.detail)}")
    if check.remedy:
        click.echo(f"      {check.remedy}")


def _print_environment(ctx: click.Context, site: "Site", ours: bool) -> None:
    from ..connect.target import PLACEHOLDER
    from ..frontends.open_webui import environment

    models = connect_target.asked(site.gateway, site.key or None)
    models = models or connect_target.configured(ctx, ours)
    site = replace(site, key=site.key or PLACEHOLDER)
    for line in environment.lines(environment.parts(site, models)):
        click.echo(line)
    if site.key == PLACEHOLDER:
        click.echo("the key: sekisho keys issue --alias open-webui --kind frontend", err=True)
