"""``iper-bench method``: what can be benchmarked, and how to bring a method in."""

from __future__ import annotations

import click

from iper_bench.cli.lazy import LazyGroup

VERBS = {
    "list": ("iper_bench.cli.method_list:list_methods", "names, where they come from, what they are"),
    "check": ("iper_bench.cli.method_check:check", "try a method on three tiny clips"),
    "new": ("iper_bench.cli.method_new:new", "write a working package to start a method from"),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def method() -> None:
    """List what can be benchmarked, check a method, start a new one."""
