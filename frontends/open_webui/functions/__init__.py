"""Functions of Open WebUI: each file is installed there as it is, and runs there."""
