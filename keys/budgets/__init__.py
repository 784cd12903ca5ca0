"""Budgets: reserved before a request, settled after it; `ledger` is where it begins."""
