"""Telling people that a budget is nearly spent: a line in the log, a metric, and a webhook."""

import logging
import threading

import httpx

from ..keys.budgets.spending import BudgetWarning
from ..keys.budgets.windows import pico
from ..keys.budgets.words import plain
from ..keys.row import KeysError
from ..keys.store import Store
from .metrics import Metrics

log = logging.getLogger("sekisho.budget")

_TIMEOUT = 10.0  # seconds
_TRIES = 3


class Alerts:
    """Passes each warning on; the ledger gives each one once, whichever worker it happens in."""

    def __init__(self, webhook: str, store: Store, metrics: Metrics) -> None:
        """`webhook` is a URL, or empty for none."""
        self._webhook = webhook
        self._store = store
        self._metrics = metrics

    def warn(self, warning: BudgetWarning) -> None:
        """Tell it, from any thread. The log names no end user; the webhook does."""
        self._metrics.warned(warning.scope, warning.period)
        name = "an end user" if warning.scope == "end_user" else f"{warning.scope} {warning.name}"
        log.warning("budget: %s", _words(name.strip(), warning))
        if self._webhook:
            threading.Thread(target=self._post, args=(warning,), daemon=True).start()

    def _post(self, warning: BudgetWarning) -> None:
        body = {
            "text": f"Sekisho: {_words(self._name(warning), warning)}",
            "scope": warning.scope,
            "name": warning.name,
            "period": warning.period,
            "spent_usd": format(warning.spent, "f"),
            "limit_usd": format(warning.limit, "f"),
            "resets_at": warning.resets_at.isoformat() if warning.resets_at else None,
        }
        try:
            transport = httpx.HTTPTransport(retries=_TRIES)
            with httpx.Client(transport=transport, timeout=_TIMEOUT) as client:
                client.post(self._webhook, json=body).raise_for_status()
        except httpx.HTTPStatusError as error:
            log.error("the budget webhook answered %d", error.response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.error("the budget webhook can't be reached: %s", type(error).__name__)

    def _name(self, warning: BudgetWarning) -> str:
        if warning.scope != "key":
            return f"{warning.scope.replace('_', ' ')} {warning.name}".strip()
        try:
            return f"key {self._store.get(warning.name).identity.alias}"
        except KeysError:
            return f"key {warning.name}"


def _words(name: str, warning: BudgetWarning) -> str:
    resets = f", until {warning.resets_at:%Y-%m-%d %H:%M} UTC" if warning.resets_at else ""
    per = {"day": "a day", "month": "a month", "total": "in all"}[warning.period]
    return (
        f"{name} has spent {plain(pico(warning.spent))} USD, 80 % or more of "
        f"{plain(pico(warning.limit))} USD {per}{resets}"
    )
