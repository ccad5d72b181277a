"""`python -m gslb.cli` is the `gslb` command."""

from gslb.cli.main import main

main(prog_name="gslb")
