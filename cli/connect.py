"""`sekisho connect`: what a client must be told to use this gateway, printed or written."""

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..connect import writing
from ..connect.clients import CLIENTS
from ..connect.plan import File, Plan
from ..connect.target import Place
from . import output
from .connect_target import Wanted, nowhere, target


@click.command("connect")
@click.argument("tool", required=False)
@click.option("--url", metavar="URL", help="The gateway. Default: the one that runs here.")
@click.option("--key", envvar="SEKISHO_KEY", help="A key of this gateway; or set SEKISHO_KEY.")
@click.option("--model", metavar="ALIAS", help="The model to start with.")
@click.option("--small-model", metavar="ALIAS", help="The model for titles and other small things.")
@click.option("--write", is_flag=True, help="Merge the settings into the tool's own files.")
@click.option("--undo", is_flag=True, help="Take them out again: the files as they were.")
@click.option("--managed", is_flag=True, help="Print the form for all machines of a company.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def connect(
    ctx: click.Context,
    tool: str | None,
    url: str | None,
    key: str | None,
    model: str | None,
    small_model: str | None,
    write: bool,
    undo: bool,
    managed: bool,
    as_json: bool,
) -> None:
    """Print the settings that connect TOOL to this gateway; without TOOL: list the tools.

    With --write they are merged into the tool's own files: comments and other settings stay, a
    backup is kept beside each file, the difference is shown.
    """
    place = Place(Path.home(), os.environ, sys.platform)
    if tool is None:
        _list(place, as_json)
        return
    if tool not in CLIENTS:
        raise output.Misuse(f"{tool} can't be connected: {_nearest(tool)}")
    if write + undo + managed > 1:
        raise output.Misuse("--write, --undo and --managed exclude each other")
    if write and not key:
        raise output.Misuse("--key is missing; issue one: sekisho keys issue --alias NAME")
    if undo:
        _change(CLIENTS[tool].plan(nowhere(place)), undo, as_json)
        return
    wanted = Wanted(tool, url, key, model, small_model)
    plan = CLIENTS[tool].plan(target(ctx, wanted, place))
    if write:
        _change(plan, undo, as_json)
    elif managed:
        _print_managed(plan, as_json)
    else:
        _print(plan, as_json)


def _nearest(tool: str) -> str:
    near = difflib.get_close_matches(tool, CLIENTS, n=1)
    return f"did you mean {near[0]}?" if near else "'sekisho connect' lists what can"


def _list(place: Place, as_json: bool) -> None:
    """Each client and the files that --write would change."""
    files = {name: client.plan(nowhere(place)).files for name, client in CLIENTS.items()}
    if as_json:
        found = files.items()
        output.print_json([{"tool": n, "files": [str(f.path) for f in fs]} for n, fs in found])
        return
    rows = [(name, ", ".join(_short(f.path) for f in fs) or "-") for name, fs in files.items()]
    output.print_table(("tool", "files that --write changes"), rows)


def _print(plan: Plan, as_json: bool) -> None:
    if as_json:
        output.print_json(
            {
                "client": plan.title,
                "files": _as_json(plan.files),
                "variables": plan.variables,
                "example": plan.example,
                "notes": plan.notes,
            }
        )
        return
    _print_files(plan.files)
    for name, value in plan.variables.items():
        click.echo(f"{name}={value}")
    if plan.example:
        click.echo(f"\n{plan.example}")
    _tell(plan.notes)


def _print_managed(plan: Plan, as_json: bool) -> None:
    if as_json:
        output.print_json(
            {
                "client": plan.title,
                "files": _as_json(plan.managed),
                "notes": plan.managed_notes,
            }
        )
        return
    _print_files(plan.managed)
    _tell(plan.managed_notes)


def _print_files(files: Sequence[File]) -> None:
    for file in files:
        click.echo(f"{_short(file.path)}:", err=True)
        click.echo(file.merged(""))


def _as_json(files: Sequence[File]) -> list[dict[str, Any]]:
    return [
        {"path": str(f.path), "format": f.kind, "text": f.merged(""), "has_key": f.secret}
        for f in files
    ]


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(note, err=True)


def _change(plan: Plan, undo: bool, as_json: bool) -> None:
    """Write or undo all files of a plan; whether it can be done is found out first."""
    if not plan.files:
        raise output.Misuse(f"{plan.title} has no file to write: set what is printed without it")
    try:
        changes = (writing.undoing if undo else writing.planned)(plan.files)
        for change in changes:
            (writing.undo if undo else writing.write)(change)
    except writing.WriteError as error:
        raise output.Problem(str(error)) from None
    if as_json:
        output.print_json(
            [
                {"path": str(c.file.path), "changed": not c.is_none, "diff": c.diff()}
                for c in changes
            ]
        )
        return
    for change in changes:
        _tell_change(change, undo)
    if not undo:
        _tell(plan.notes)


def _tell_change(change: writing.Change, undo: bool) -> None:
    where = _short(change.file.path)
    if change.is_none:
        click.echo(f"{where}: nothing to {'undo' if undo else 'change'}")
        return
    for line in change.diff():
        click.echo(output.printable(line))
    if undo and not change.exact:
        click.echo(f"{where}: others wrote to it since, so only our settings were taken out")
    if not undo and change.before is not None:
        click.echo(f"{where}: as it was before: {where}.before-sekisho")


def _short(path: Path) -> str:
    """The path as people write it, with ~."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
