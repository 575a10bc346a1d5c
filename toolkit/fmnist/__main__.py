"""`python -m fmnist`."""

from fmnist.cli.main import main

main()
