"""Requests and tokens per minute, requests at once; `meter` is where it begins."""
