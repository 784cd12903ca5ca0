"""Rows that a real gateway wrote are right by the prices that it had: restating changes none."""

import asyncio
from dataclasses import fields
from decimal import ROUND_HALF_UP, Decimal

from sekisho import config
from sekisho.lake.record import Record
from sekisho.lake.upkeep.reprice import NotKnown, Prices, Row
from sekisho.pricing import catalog

from .gateway import Gateway, cloud_variables, until
from .simulators import Simulator
from .test_gateway_models import Request, all_lines, rows_of, send_all


def test_every_row_costs_again_what_it_has_cost(
    gateway: Gateway, key: str, clouds: Simulator
) -> None:
    """To each alias its request of the most units: the row alone gives the same cost again."""
    names = ("alias", "api", "how", "units")
    requests = {Request(*(line[name] for name in names)) for line in all_lines()}
    by_units = sorted(requests, key=lambda one: (len(one.counts), str(one)))
    most = {one.alias: one for one in by_units}
    answers = asyncio.run(send_all(gateway, key, list(most.values())))
    by_id = {answer: request for request, answer in answers.items()}
    rows = until("a row for each answer", lambda: rows_of(gateway, set(by_id)))
    deployments = config.load(environ=cloud_variables(clouds)).deployments
    problems: list[str] = []
    for row in rows.values():
        request = by_id[row.request_id]
        tier = request.counts.get("served") or request.counts.get("tier") or "standard"
        problems += _problem(row, Prices(deployments, catalog.load(), tier), request)
    assert problems == []


def _problem(row: Record, prices: Prices, request: Request) -> list[str]:
    assert row.billed_cost is not None
    cost = row.billed_cost.quantize(Decimal("0.000000000001"), ROUND_HALF_UP)
    try:
        bill = prices.bill(Row(**{one.name: getattr(row, one.name) for one in fields(Row)}))
    except NotKnown as reason:
        return [f"{request}: {reason}"]
    if abs(bill.total - cost) > bill.slack:
        return [f"{request}: {bill.total} instead of {cost}"]
    return []
