"""Sekisho: a distribution of LiteLLM Proxy that a company can really run."""

__version__ = "0.1.0"
