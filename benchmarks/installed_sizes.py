"""Size of installed packages for docs/dependencies.md: MB (10^6 bytes) of the files that each has on record.

    python benchmarks/installed_sizes.py [--path SITE-PACKAGES] [PACKAGE ...]

Without names everything that is installed there. What an extra adds is in the list that ``uv pip install
--dry-run -c constraints.txt '.[NAME]'`` prints; install it with ``--no-deps`` into an empty environment.
"""

from __future__ import annotations

import argparse
import re
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path


def normalised(name: str) -> str:
    """A package name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def recorded_bytes(package: Distribution) -> int:
    """Bytes of the files on record that are there."""
    paths = [Path(str(package.locate_file(file))) for file in package.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> None:
    """Print one line per package and the sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE")
    parser.add_argument("--path", default=sysconfig.get_path("purelib"), help="site-packages folder")
    arguments = parser.parse_args()
    wanted = {normalised(name) for name in arguments.packages}
    found = {normalised(one.metadata["Name"]): one for one in distributions(path=[arguments.path])}
    total = 0.0
    for name in sorted(found):
        if not wanted or name in wanted:
            size = recorded_bytes(found[name]) / 1e6
            total += size
            print(f"{name:36s} {found[name].version:18s} {size:9.2f}")
    print(f"{'sum':55s} {total:9.2f}")


if __name__ == "__main__":
    main()
