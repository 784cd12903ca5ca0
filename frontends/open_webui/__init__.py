"""Sets Open WebUI up in front of this gateway, and proves that the pair works.

`client.py` speaks to Open WebUI's admin API, `gateway.py` to the gateway. `wanted.py` compares what
is there with what should be and says what to change; `install.py` does that. `verify.py` asks as a
person would and looks for the row. `environment.py` is the same set-up as variables. `functions/`
is code that runs inside Open WebUI, and imports nothing of ours.
"""
