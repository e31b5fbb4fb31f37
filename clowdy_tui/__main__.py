"""`python -m clowdy_tui` is `clowdy`."""

from clowdy_tui.cli.main import main

if __name__ == "__main__":
    main()
