"""The real Open WebUI before the real gateway, with simulated clouds: `make test-openwebui`.

`installation.py` installs it once into the user's cache folder, about 3 GB. `stage.py` starts the
gateway, an MCP server, an agent and Open WebUI; `chat.py` is what its page asks it; `ledger.py`
holds what the gateway's log must have of each of that.
"""
