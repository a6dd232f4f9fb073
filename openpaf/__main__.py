"""`python -m openpaf` is the `openpaf` command."""

from openpaf.cli import main

main()
