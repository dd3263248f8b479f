"""Running out of memory, in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from iper_bench.errors import UserError
from iper_bench.out_of_memory import is_out_of_memory


@contextlib.contextmanager
def explained_memory() -> Iterator[None]:
    """Within it, an allocation that fails on a GPU or the CPU becomes a UserError that says what to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _explained(error) from error


def _explained(error: BaseException) -> UserError:
    first = (str(error).strip().splitlines() or ["no more words from the allocator"])[0]
    return UserError(
        f"out of memory: {first[:160]}",
        expected="a step that fits",
        hint="a smaller --batch with a larger --accumulate, --precision bf16, a smaller --size or --preset;"
        " what was saved last is kept",
    )
