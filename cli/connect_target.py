"""Which gateway `sekisho connect` means, with which key, and the models that it has."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import click
import httpx

from ..connect import models
from ..connect.clients import CLIENTS
from ..connect.models import Model, NoModel
from ..connect.target import PLACEHOLDER, Place, Target
from ..gate import running
from . import output
from .models_of import configuration

DEFAULT = "http://127.0.0.1:4000"
_PATIENCE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed."""

    tool: str
    url: str | None
    key: str | None
    model: str | None
    small: str | None


def nowhere(place: Place) -> Target:
    """A target for whoever only needs to know which files a client has."""
    none = Model("", None, None, False, False, False)
    return Target("", PLACEHOLDER, (), none, none, place)


def target(ctx: click.Context, wanted: Wanted, place: Place) -> Target:
    """The gateway and its models. Raises Misuse, Problem."""
    here = running.find(ctx.obj.home)
    url = address(wanted.url) if wanted.url else here.url if here else DEFAULT
    found = asked(url, wanted.key) or configured(ctx, ours=wanted.url is None)
    client = CLIENTS[wanted.tool]
    usable = models.usable(found, client.tools)
    try:
        main = models.named(found, wanted.model) if wanted.model else None
        main = main or models.first(usable, client.families) or next(iter(usable), None)
        if main is None:
            raise NoModel("there is no model for conversations; 'sekisho models list' lists all")
        small = models.named(found, wanted.small) if wanted.small else None
    except NoModel as error:
        raise output.Misuse(str(error)) from None
    small = small or models.small_beside(usable, main)
    if client.tools and not main.tools:
        click.echo(f"{main.alias} takes no tools, which {wanted.tool} needs", err=True)
    return Target(url, wanted.key or PLACEHOLDER, tuple(usable), main, small, place)


def address(text: str, option: str = "--url") -> str:
    """The gateway's address without a path. Raises Misuse."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise output.Misuse(f"{option} {text}: must be a URL that begins with http:// or https://")
    return text.rstrip("/").removesuffix("/v1")


def asked(url: str, key: str | None) -> list[Model] | None:
    """What the gateway says that this key may use; None when it can't be asked. Raises Problem."""
    if key is None:
        return None
    local = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    try:
        answer = httpx.get(
            f"{url}/v1/model/info",
            headers={"authorization": f"Bearer {key}"},
            timeout=_PATIENCE,
            trust_env=not local,
        )
        if answer.status_code in (401, 403):
            raise output.Problem(f"{url} refuses this key (HTTP {answer.status_code})")
        found = models.from_answer(answer.json()) if answer.is_success else None
    except (httpx.HTTPError, ValueError) as error:
        click.echo(
            f"{url} doesn't answer ({type(error).__name__}): the models are those of this "
            "machine's configuration",
            err=True,
        )
        return None
    if found == []:
        raise output.Problem(f"{url} has no model that this key may use")
    return found


def configured(ctx: click.Context, ours: bool) -> list[Model]:
    """The models of this machine's configuration, or of every cloud where none is set up."""
    found = configuration(ctx).deployments if ours else ()
    return models.from_deployments(found or configuration(ctx, every_cloud=True).deployments)
