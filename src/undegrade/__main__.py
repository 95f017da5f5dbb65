"""``undegrade``, and ``python -m undegrade``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; a Ctrl-C while it is still being loaded ends as quietly as later."""
    try:
        _fill_streams()
        from undegrade.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _fill_streams() -> None:
    """Where a standard stream is closed, no photo must get its number, and stderr is silent."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - kept to the end


if __name__ == "__main__":
    main()
