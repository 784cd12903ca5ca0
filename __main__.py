"""`python -m sekisho` is the `sekisho` command."""

from .cli.main import main

main(prog_name="sekisho")
