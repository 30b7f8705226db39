"""`roomkit-sim` and `python -m roomkit_sim`: says what is missing where the harness is not installed."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from roomkit_sim.cli import app
    except ModuleNotFoundError as error:
        sys.exit(f'the command line needs the package {error.name!r}: pip install "roomkit-sim[sim]"')
    app()


if __name__ == "__main__":
    main()
