"""``iper-bench cache``: the features of frames that are kept between runs."""

from __future__ import annotations

import click

from iper_bench.cli.listing import print_columns


@click.group()
def cache() -> None:
    """Show and clear the features of frames that are kept on disk.

    IPER_BENCH_CACHE_GB bounds them (default 4; 0 keeps none). They never change a number: without them
    features are computed again.
    """


@cache.command("show")
def show() -> None:
    """Folder, entries, size and bound."""
    from iper_bench.metrics.disk_cache import DiskCache, default_bound, default_folder

    bound = default_bound()
    held = DiskCache(default_folder(), bound)
    print_columns(
        [
            ("folder", str(held.folder)),
            ("entries", str(held.count())),
            ("size", f"{held.size() / 1e9:.3f} GB"),
            ("bound", f"{bound / 1e9:g} GB" if bound else "0: nothing is kept"),
        ]
    )


@cache.command("clear")
def clear() -> None:
    """Delete all entries."""
    from iper_bench.metrics.disk_cache import DiskCache, default_bound, default_folder

    held = DiskCache(default_folder(), default_bound())
    size = held.size()
    deleted = held.clear()
    click.echo(
        f"{deleted} {'entry' if deleted == 1 else 'entries'}, {size / 1e9:.3f} GB deleted from {held.folder}"
    )
