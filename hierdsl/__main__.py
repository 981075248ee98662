"""Run the command line with `python -m hierdsl`."""

from hierdsl.cli import main

main()
