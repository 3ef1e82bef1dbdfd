"""``python -m cosod``."""

from cosod.cli import main

main()
