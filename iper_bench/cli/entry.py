"""The ``iper-bench`` script: so small that Ctrl-C while the command line itself is loaded is met too."""

from __future__ import annotations

import sys


def main() -> None:
    """Load the command line and run it; exits with its status, 130 when interrupted before it was there."""
    try:
        from iper_bench.cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("iper-bench: interrupted before anything was done; type the same command again\n")
        sys.exit(130)
    run()


if __name__ == "__main__":  # python -m, as accelerate launch does
    main()
