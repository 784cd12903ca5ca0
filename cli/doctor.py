"""`sekisho doctor`: every check that a person on call would make, each with its remedy."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import click
import httpx

from .. import config
from ..gate import running
from ..keys.row import KeysError
from ..lake.place import LakeError
from ..pricing import verify
from . import output
from .models_of import configuration

State = Literal["ok", "note", "fail"]
_MINIMUM_FREE = 1 << 30  # bytes; a day of records at 1 million requests a day is 0.5 GB
_COLOURS = {"ok": "green", "note": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `remedy` is what to do when it is not ok."""

    name: str
    state: State
    detail: str
    remedy: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--demo", is_flag=True, help="Check for 'sekisho up --demo'.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, demo: bool) -> None:
    """Check everything that the gateway needs; exit code 1 when something must be mended."""
    found = configuration(ctx, demo or None)
    checks = [check for group in _GROUPS for check in group(found)]
    if as_json:
        origins = [
            {"name": o.variable.name, "value": o.shown, "source": o.source}
            for o in found.settings.origins
        ]
        output.print_json({"checks": [asdict(c) for c in checks], "settings": origins})
    else:
        _print(found, checks)
    sys.exit(1 if any(check.state == "fail" for check in checks) else 0)


def _print(found: config.Configuration, checks: list[Check]) -> None:
    for check in checks:
        mark = click.style(f"{check.state:>4}", fg=_COLOURS[check.state])
        click.echo(f"{mark}  {check.name}: {check.detail}")
        if check.remedy:
            click.echo(f"      {check.remedy}")
    rows = [(o.variable.name, o.shown, o.source) for o in found.settings.origins]
    output.print_table(("setting", "value", "from"), rows)


def _software(_: config.Configuration) -> Iterator[Check]:
    try:
        version("litellm-enterprise")
    except PackageNotFoundError:
        yield Check("LiteLLM", "ok", f"{version('litellm')}, without litellm-enterprise")
        return
    yield Check(
        "LiteLLM",
        "note",
        "litellm-enterprise is installed; its licence is proprietary",
        "Sekisho doesn't need it: pip uninstall litellm-enterprise",
    )


def _state_folder(found: config.Configuration) -> Iterator[Check]:
    home = found.settings.home
    nearest = next(p for p in (home, *home.parents) if p.exists())
    if not os.access(nearest, os.W_OK):
        yield Check("home", "fail", f"{home} can't be written", "Set SEKISHO_HOME to a folder.")
        return
    free = shutil.disk_usage(nearest).free
    yield Check(
        "home",
        "ok" if free >= _MINIMUM_FREE else "fail",
        f"{home}, {free / (1 << 30):.1f} GiB free",
        "" if free >= _MINIMUM_FREE else "Free some space: rows that can't be written are lost.",
    )


def _keys(found: config.Configuration) -> Iterator[Check]:
    from ..keys.database import sqlite_path
    from ..keys.store import Store

    url = found.settings.database_url
    try:
        path = sqlite_path(url)
        if path is not None and not path.exists():
            yield Check("keys", "note", "no key store yet", "The first 'sekisho up' makes it.")
            return
        with Store(url) as store:
            count, kind = store.count(), store.database.dialect
    except KeysError as error:
        yield Check("keys", "fail", str(error), "Running gateways know their keys for 5 minutes.")
        return
    remedy = "" if count else "Issue one: sekisho keys issue --alias NAME --owner EMAIL"
    state: State = "ok" if count else "note"
    yield Check("keys", state, f"{output.counted(count, 'key')}, {kind}", remedy)


def _limits(found: config.Configuration) -> Iterator[Check]:
    from redis import Redis
    from redis.exceptions import RedisError

    settings = found.settings
    if not settings.redis_url:
        words = "counted by this machine for all its workers"
        if settings.database_url.startswith("sqlite:"):
            yield Check("rate limits", "ok", words)
        else:
            yield Check("rate limits", "note", words, "Several machines? Set SEKISHO_REDIS_URL.")
        return
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=3) as server:
            server.ping()
    except (RedisError, ValueError) as error:
        words = f"Redis can't be used: {type(error).__name__}"
        yield Check("rate limits", "fail", words, "Until then each machine counts for itself.")
        return
    yield Check("rate limits", "ok", "shared through Redis")


def _models(found: config.Configuration) -> Iterator[Check]:
    for skipped in found.skipped:
        yield Check(
            skipped.what,
            "note",
            f"left out, {output.counted(len(skipped.models), 'model')}",
            skipped.reason,
        )
    aliases = {deployment.alias for deployment in found.deployments}
    if aliases:
        yield Check("models", "ok", output.counted(len(aliases), "model") + " can be asked for")
    else:
        yield Check("models", "fail", "none can be served", "Set up a cloud, or: up --demo")


def _prices(found: config.Configuration) -> Iterator[Check]:
    findings = verify.check(found.deployments)
    for finding in findings:
        yield Check("prices", "fail", str(finding), "Add the price to its model_info.")
    if not findings:
        yield Check("prices", "ok", "every model is priced")


def _lake(found: config.Configuration) -> Iterator[Check]:
    from ..lake.stores.probe import probe

    settings = found.settings
    try:
        detail = probe(settings.lake)
    except LakeError as error:
        yield Check("lake", "fail", str(error), "Records wait in the spool until it is mended.")
        return
    yield Check("lake", "ok", f"{settings.lake}, {detail}")


def _log(found: config.Configuration) -> Iterator[Check]:
    from ..lake.shipping.status import Limits, status

    settings = found.settings
    limits = Limits(settings.spool_bytes, settings.ship_seconds)
    try:
        here = status(settings.lake, settings.spool, limits)
    except LakeError:
        return  # the check before this one has said so
    remedy = "See: sekisho logs status"
    for problem in here.problems:
        yield Check("log", "fail", problem, remedy)
    if not here.problems:
        words = f"{output.counted(here.records_waiting, 'record')} in the spool"
        yield Check("log", "ok", f"{words}, {here.spool_bytes >> 20} MiB")


def _gateway(found: config.Configuration) -> Iterator[Check]:
    here = running.find(found.settings.home)
    if here is None:
        yield Check("gateway", "note", "not running with this home", "Start it: sekisho up")
        return
    try:
        answer = httpx.get(here.url + "/health/readiness", timeout=5, trust_env=False)
        state: State = "ok" if '"healthy"' in answer.text else "fail"
        detail = f"{here.url} answers {answer.text}"
    except httpx.HTTPError as error:
        state, detail = "fail", f"{here.url} does not answer: {type(error).__name__}"
    yield Check("gateway", state, detail, "" if state == "ok" else "Look at its log; restart it.")


_GROUPS: tuple[Callable[[config.Configuration], Iterator[Check]], ...] = (
    _software,
    _state_folder,
    _keys,
    _limits,
    _models,
    _prices,
    _lake,
    _log,
    _gateway,
)
