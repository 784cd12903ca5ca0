"""Wire repairs: what a client sends and the chosen provider refuses, changed just enough to pass.

A module each. `registry.py` lists them in their order, `hook.py` calls them from LiteLLM.
"""
