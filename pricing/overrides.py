"""Prices that an operator writes next to a model of their own, in LiteLLM's own fields."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from .catalog import Catalog, PriceError, price_from
from .importer import convert
from .price import Price

SOURCE = "litellm_config.yaml"


class Priced(Protocol):
    """What a deployment has to say to be priced (``providers.deployment.Deployment`` does)."""

    @property
    def id(self) -> str:
        """The id of the deployment."""
        ...

    @property
    def alias(self) -> str:
        """The name that users ask for."""
        ...

    @property
    def mode(self) -> str:
        """What it does (``providers.deployment.Mode``)."""
        ...

    @property
    def params(self) -> Mapping[str, Any]:
        """LiteLLM's ``litellm_params``."""
        ...

    @property
    def model_info(self) -> Mapping[str, Any]:
        """LiteLLM's ``model_info``."""
        ...

    @property
    def price(self) -> Price | None:
        """A price of its own, which comes before every other."""
        ...

    @property
    def price_id(self) -> str:
        """The id of its price in the catalogue."""
        ...


def price_of(deployment: Priced, catalog: Catalog) -> Price | None:
    """What a deployment costs: its own price or cost fields if it has any, else the catalogue's.

    Raises PriceError with one line when a cost field is not a number of 0 or more.
    """
    return deployment.price or own_price(deployment) or catalog.price(deployment.price_id)


def own_price(deployment: Priced) -> Price | None:
    """The price made of ``input_cost_per_token`` and the like (USD per one unit) in
    ``litellm_params`` or ``model_info`` (the former win, as in LiteLLM); None without any.

    An explicit 0 for both input and output is a price too: the model is free.
    """
    fields = {**deployment.model_info, **deployment.params}
    costs = {key: value for key, value in fields.items() if "cost" in key}
    if not costs:
        return None
    where = f"{SOURCE}: {deployment.alias}"
    for key, value in costs.items():
        if not isinstance(value, int | float | dict | list):
            raise PriceError(f"{where}: {key}: must be a number, not {value!r}")
    entry = convert({**fields, "mode": deployment.model_info.get("mode", "chat")})
    for unit, field in (("input", "input_cost_per_token"), ("output", "output_cost_per_token")):
        if fields.get(field) == 0:
            entry[unit] = "0"
    if not entry:
        return None
    entry |= {"source": SOURCE, "date": date.today()}  # noqa: DTZ011 - only shown to people
    return price_from(deployment.id, where, entry, Decimal(1))
