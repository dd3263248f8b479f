"""Oracles that are too large for the committed set; ``lwg/image_crops`` there covers their functions too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracles import oracle_roots


def uncommitted(pattern: str) -> list[Any]:
    """Files of a family as parameters of a test; one that is skipped, by name, where there is none."""
    found = [path for root in oracle_roots() for path in sorted(root.glob(pattern))]
    if not found:
        return [pytest.param(None, id=pattern, marks=pytest.mark.skip(reason=f"no oracle {pattern}"))]
    return [pytest.param(path, id=path.stem) for path in found]
