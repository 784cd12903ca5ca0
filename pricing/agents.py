"""What an agent costs: a price rule of `providers/agents.yaml` becomes a `Price`."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from ..untyped import mapping
from .price import MOST_USD, Price, Rates
from .units import BY_NAME

FILE = "agents.yaml"
RULES = (
    "free, passed_through, {per_request: USD}, {passed_through_at_most: USD} or "
    "{input: USD, output: USD} for a million tokens each"
)
_ONE = Decimal(1)


def price_of_rule(rule: object, price_id: str) -> Price:
    """The price that a rule stands for.

    `free`; `{per_request: USD}` for each answer; `passed_through`: what the agent says in its
    answer's `usage.cost` (USD), which `passed_through_at_most` bounds for budgets; or tokens.
    Raises ValueError saying what is wrong.
    """
    if rule == "free":
        return _price(price_id, {"request": Decimal(0)})
    if rule == "passed_through":
        return _price(price_id, {"passed_through": _ONE})
    found = mapping(rule)
    if set(found) == {"per_request"}:
        return _price(price_id, {"request": _usd(found, "per_request")})
    if set(found) == {"passed_through_at_most"}:
        most = _usd(found, "passed_through_at_most")
        return _price(price_id, {"passed_through": _ONE}, most)
    if set(found) == {"input", "output"}:
        units = ("input", "output")
        return _price(price_id, {unit: _usd(found, unit) / BY_NAME[unit].per for unit in units})
    raise ValueError(f"price: must be {RULES}")


def _price(price_id: str, figures: Mapping[str, Decimal], at_most: Decimal | None = None) -> Price:
    today = date.today()  # noqa: DTZ011 - only shown to people
    return Price(price_id, Rates(figures), FILE, today, at_most=at_most)


def _usd(rule: Mapping[str, object], name: str) -> Decimal:
    """A YAML float means what it shows."""
    value = rule[name]
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount < MOST_USD:
        raise ValueError(f"price: {name}: must be USD, from 0 to below a million, not {value!r}")
    return amount
