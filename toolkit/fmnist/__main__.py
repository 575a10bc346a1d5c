"""`python -m fmnist`."""

from fmnist.cli.main import main

if __name__ == "__main__":  # processes that decode pictures import this module, too
    main()
