"""Real clients from npm and PyPI against the gateway, headless, each in a home of its own.

`make test` runs a few of Claude Code's and Codex's cells (`test_clients.py`), `make test-clients`
every client on every route, and writes the matrix into docs/clients.md.
"""
