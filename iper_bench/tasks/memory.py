"""Out of memory in one line: what to lower instead of a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from iper_bench.errors import UserError
from iper_bench.out_of_memory import is_out_of_memory


@contextlib.contextmanager
def sparing(size: int, sources: int) -> Iterator[None]:
    """Turn every kind of memory failure of the block into one UserError that names what was asked for.

    Parameters
    ----------
    size: side of the frames in pixels. sources: number of sources, of all people.
    """
    import cv2

    try:
        yield
    except (MemoryError, RuntimeError, cv2.error) as error:
        if not is_out_of_memory(error):
            raise
        raise _error(size, sources) from error


def _error(size: int, sources: int) -> UserError:
    smaller = [f"--size {max(64, size // 2)}"] if size > 64 else []
    fewer = [f"--sn {max(1, sources // 2)}"] if sources > 1 else []
    return UserError(
        f"out of memory with frames of {size} px and {sources} source{'s' if sources > 1 else ''}",
        expected="less to hold at once: memory grows with the number of pixels and of sources",
        hint=", ".join([*smaller, *fewer, "--method 'NAME[batch=1]'"]),
    )
