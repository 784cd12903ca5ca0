"""What `sekisho up` says once the gateway answers: where it is, and in the demo how to try it."""

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

import click
import httpx

from ..keys.row import KeysError
from ..keys.store import Store
from ..settings import Settings
from .output import Problem

_ASK_EVERY = 0.2  # seconds
_GIVE_UP = 120.0  # seconds; the gateway itself has said by then what is wrong
_DEMO_KEY_LIVES = timedelta(days=1)
_DEMO = "sekisho up --demo"  # who issues it


def demo_key(settings: Settings) -> str:
    """A key for the newcomer, for a day; a start of the demo takes the earlier ones away.

    Raises Problem.
    """
    try:
        with Store(settings.database_url) as store:
            return _demo_key(store, datetime.now(UTC))
    except KeysError as error:
        raise Problem(str(error)) from None


def _demo_key(store: Store, now: datetime) -> str:
    for row in store.list(text="demo-", team="demo", state="active", now=now):
        if row.created_by == _DEMO:
            store.revoke(row.identity.key_id, by=_DEMO, now=now)
    issued = store.issue(
        alias=f"demo-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        kind="person",
        by=_DEMO,
        now=now,
        owner="you@example.com",
        team="demo",
        models=["demo"],
        expires_at=now + _DEMO_KEY_LIVES,
    )
    return issued.key


def when_ready(url: str, key: str | None) -> None:
    """Print the greeting as soon as the gateway answers, beside the server that is starting."""
    threading.Thread(target=_greet, args=(url, key), daemon=True).start()


def _greet(url: str, key: str | None) -> None:
    end = time.monotonic() + _GIVE_UP
    while not _is_ready(url):
        if time.monotonic() > end:
            return
        time.sleep(_ASK_EVERY)
    click.echo(f"sekisho: ready at {url}", err=True)
    if key is None:
        click.echo("  a key: sekisho keys issue --alias NAME --owner EMAIL", err=True)
        return
    click.echo(
        f"""
A key for a day: {key}

Ask the demo model:

  curl {url}/v1/chat/completions -H "Authorization: Bearer {key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"model": "demo", "messages": [{{"role": "user", "content": "Hello"}}]}}'

Then see who used what, and what it cost:

  sekisho usage          (in a checkout: .venv/bin/sekisho usage)
""",
        err=True,
    )


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/readiness", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
