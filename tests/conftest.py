"""For all tests: what the user has in the real cache folder neither enters a test nor is touched by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iper_bench.metrics import weight_trust


@pytest.fixture(autouse=True, scope="module")
def _own_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Metric weights and the record of their hashes, one per file of tests; IPER_BENCH_HOME still wins."""
    home = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weight_trust, "user_cache_dir", lambda *names, **options: str(home))
        yield
