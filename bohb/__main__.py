"""`python -m bohb` is the command `bohb`."""

from bohb.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
