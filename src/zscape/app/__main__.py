"""`python -m zscape.app` is `zscape`."""

from zscape.app.cli import main

if __name__ == "__main__":
    main()
