"""The main job on the layout of iPER, end to end, with the embedded body."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.protocol.load import load_protocol
from iper_bench.run.benchmark import run_benchmark
from iper_bench.run.request import RunRequest
from iper_bench.store.rows import read_rows
from tests.run.iper_tree import fabricate_iper, needed_lengths

SIDE = 32


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("iper")
    fabricate_iper(root, load_protocol("iper-imitation"), size=SIDE)
    return root


def request(tree: Path, out: Path, protocol: str | None = None, method: str = "copy-source") -> RunRequest:
    return RunRequest(
        methods=[method],
        dataset="iper",
        data_root=str(tree),
        out=out,
        protocol=protocol,
        size=SIDE,
        limit=1,
        metrics=("PSNR",),
        predictions="none",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "method", "trials"),
    [
        (None, "warp", {"self:001/9/1", "cross:001/9/1<-007/1/2"}),
        (
            "iper-imitation-iccv",
            "copy-source",
            {f"{name}" for n in range(3) for name in (f"self:001/9/1#{n}", f"cross:001/9/1#{n}<-007/1/2")},
        ),
        (
            "iper-appearance-transfer",
            "copy-source",
            {"transfer:001/11/1<-001/9/1", "transfer:001/11/1<-001/9/2"},
        ),
        ("iper-novel-view", "copy-source", {"view:001/11/1"}),
    ],
)
def test_official_protocols_run_on_the_official_names(
    tree: Path, tmp_path: Path, protocol: str | None, method: str, trials: set[str]
) -> None:
    one = request(tree, tmp_path / "run", protocol, method)
    if protocol == "iper-imitation-iccv":
        one = RunRequest(**{**one.__dict__, "sn": (1,)})
    report = run_benchmark(one)
    assert (report.exit_status, report.failures) == (0, ())
    rows = [row for row in read_rows(tmp_path / "run") if row.metric == "PSNR" and row.clip != "*"]
    assert {row.trial for row in rows} == {name for name in trials if not name.startswith("cross")}
    assert {row.dataset for row in rows} == {"iper"}
    lengths = needed_lengths(load_protocol("iper-imitation"))
    if protocol is None:
        assert [row.count for row in rows] == [lengths["001/9/1"]] == [301]
    assert all(row.value is not None for row in rows)
