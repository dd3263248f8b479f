"""``docs/metrics.md`` says what the profiles do."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.metrics.definitions_table import inserted, main, markdown
from iper_bench.metrics.metric import METRICS
from iper_bench.metrics.profiles import PROFILES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def test_the_document_is_in_step():
    document = DOCUMENT.read_text(encoding="utf-8")
    assert inserted(document) == document, (
        "run: python -m iper_bench.metrics.definitions_table docs/metrics.md"
    )


def test_every_metric_and_profile_is_in_it():
    text = markdown()
    for name in (*METRICS, *(f"`{name}`" for name in PROFILES)):
        assert name in text


def test_a_file_without_markers_is_refused(tmp_path):
    path = tmp_path / "other.md"
    path.write_text("nothing")
    with pytest.raises(UserError, match="markers"):
        main([str(path)])
    with pytest.raises(UserError, match="one file"):
        main([])
