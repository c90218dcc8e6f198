"""`python -m chargewright`: the same as the console script."""

from chargewright.cli.main import main

if __name__ == "__main__":
    main()
