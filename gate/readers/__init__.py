"""Readers: what an answer says of itself (usage, model, ending, error), one file for each API.

They read the bytes that the client gets, in the client's dialect, so the row of a request never
depends on a callback that may not come, and a lane without LiteLLM can use them unchanged.
"""
