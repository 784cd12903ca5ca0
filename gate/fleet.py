"""The deployments behind the gate, by alias and by id, each with its price."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..keys.check import may_use
from ..keys.identity import Identity
from ..keys.limits import NO_LIMITS
from ..keys.policy import Scope
from ..pricing.catalog import Catalog
from ..pricing.overrides import price_of
from ..pricing.price import Price
from ..providers.deployment import Deployment
from . import shape
from .errors import Failure
from .models_card import Card, card_of
from .surface import Route

SHOWN = "claude-gateway-"
"""Before an alias: Claude Code's picker shows nothing that doesn't begin with `claude`."""
LARGE = "[1m]"
"""Behind a name: Claude Code's mark of a window of a million tokens."""
_DATED = re.compile(r"(claude-.+?)[-@](?:20\d{6}|latest|default)")


class Fleet:
    """What the gate knows about models; read only once built."""

    def __init__(
        self,
        deployments: Iterable[Deployment],
        prices: Catalog,
        fallbacks: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`fallbacks` are the aliases that LiteLLM may ask instead of an alias."""
        self._fallbacks = fallbacks or {}
        self._by_id = {deployment.id: deployment for deployment in deployments}
        self._by_alias: dict[str, list[Deployment]] = {}
        for deployment in self._by_id.values():
            self._by_alias.setdefault(deployment.alias, []).append(deployment)
        self._prices = {d.id: price_of(d, prices) for d in self._by_id.values()}
        self._cards = {
            alias: card_of(alias, [(d, self._prices[d.id]) for d in group])
            for alias, group in self._by_alias.items()
        }
        self.price_version = prices.version

    def deployment(self, deployment_id: str) -> Deployment | None:
        """The deployment that goes by this id."""
        return self._by_id.get(deployment_id)

    def price(self, deployment_id: str) -> Price | None:
        """The price of a deployment, or None when it has none."""
        return self._prices.get(deployment_id)

    def choices(self, alias: str) -> list[tuple[Deployment, Price | None]]:
        """Every deployment that may come to answer for an alias, with its price."""
        names = (alias, *self._fallbacks.get(alias, ()))
        return [(d, self._prices[d.id]) for name in names for d in self._by_alias.get(name, ())]

    def resolve(self, name: str) -> str | None:
        """The alias that a client means: the name itself, or the name without what clients add.

        Claude Code asks for `claude-haiku-4-5-20251001` and `claude-sonnet-4-6[1m]`, and for what
        its picker was told. None when there is no such alias.
        """
        return next((name for name in _spellings(name) if name in self._by_alias), None)

    def scopes(self, alias: str | None) -> tuple[Scope, ...]:
        """Whose limits every request for an alias counts for: an agent's, if it has any."""
        limits = [d.limits for d in self._by_alias.get(alias or "", ()) if d.limits != NO_LIMITS]
        return tuple(Scope("agent", str(alias), f"The agent {alias}", own) for own in limits)

    def card(self, alias: str) -> Card:
        """What a client may know of an alias."""
        return self._cards[alias]

    def aliases(self, identity: Identity) -> list[str]:
        """The aliases that an identity may use, in alphabetical order."""
        return sorted(name for name in self._by_alias if may_use(identity, name) is None)

    def wrong_place(self, route: Route, alias: str) -> Failure | None:
        """A 400 when the alias's model does something else than the route."""
        return shape.wrong_place(route, self._by_alias[alias][0])

    def refusal(self, identity: Identity, alias: str) -> Failure | None:
        """A 404 that names the nearest aliases when there is no such model."""
        if self.resolve(alias) is not None:
            return None
        near = difflib.get_close_matches(alias, self.aliases(identity), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "GET /v1/models lists them."
        return Failure(
            status=404,
            message=f"There is no model {alias[:100]!r} here: {hint}",
            code="model_not_found",
            openai_type="invalid_request_error",
            anthropic_type="not_found_error",
        )


def _spellings(name: str) -> Iterator[str]:
    """A name, and what is left of it step by step."""
    yield name
    name = name.removesuffix(LARGE)
    yield name
    yield name.removeprefix(SHOWN)
    dated = _DATED.fullmatch(name)
    if dated is not None:
        yield dated[1]
