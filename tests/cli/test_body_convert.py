"""``iper-bench body convert`` as typed; what it wrote is read by this package and by ``smplx``."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.body import BodyModel, load_body
from iper_bench.body.smpl_arrays import read_smpl_arrays
from iper_bench.body.smpl_file import check_smpl_arrays
from iper_bench.hashing import file_sha256
from tests.body.smpl_like import smpl_arrays, smplh_arrays, write_pickle
from tests.cli.command_line import assert_one_line, run_line

WIDE = 300  # shape components of the newer SMPL files


@pytest.fixture(scope="module")
def open_coarse() -> BodyModel:
    return load_body("open-coarse")


@pytest.fixture
def arrays(open_coarse: BodyModel) -> dict[str, Any]:
    return smpl_arrays(open_coarse)


def test_a_converted_file_is_the_same_body(
    tmp_path: Path, arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    arrays["shapedirs"] = np.random.default_rng(0).normal(size=(len(arrays["v_template"]), 3, WIDE))
    arrays["J_regressor_prior"] = arrays["J_regressor"]
    source, out = write_pickle(tmp_path / "SMPL_NEUTRAL.pkl", arrays), tmp_path / "smpl.npz"
    outcome = run_line(capsys, "body", "convert", str(source), "--out", str(out))
    assert (outcome.status, outcome.err) == (0, "")
    words = ("SMPL", "2315x3x300 float64", "24x2315 float64", "J_regressor_prior, bs_style", file_sha256(out))
    for word in words:
        assert word in outcome.out
    with np.load(out, allow_pickle=False) as written:
        names = {"v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f"}
        assert set(written.files) == names
        for name in written.files:
            stored = arrays[name].toarray() if name == "J_regressor" else arrays[name]
            assert written[name].dtype == stored.dtype
            np.testing.assert_array_equal(written[name], stored)
    first, second = (
        check_smpl_arrays(path, read_smpl_arrays(path, path.read_bytes())) for path in (source, out)
    )
    assert first["shape_dirs"].shape[2] == 10
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=0, rtol=0)


def test_conversion_is_repeatable_and_does_not_overwrite(
    tmp_path: Path, arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write_pickle(tmp_path / "a.pkl", arrays), tmp_path / "a.npz"
    line = ("body", "convert", str(source), "--out", str(out))
    assert run_line(capsys, *line).status == 0
    before = out.read_bytes()
    assert_one_line(run_line(capsys, *line), str(out), "exists already", "--overwrite")
    out.write_bytes(b"mine")
    assert_one_line(run_line(capsys, *line), "exists already")
    assert out.read_bytes() == b"mine"
    assert run_line(capsys, *line, "--overwrite").status == 0
    assert out.read_bytes() == before
    # an .npz can be converted too, and nothing changes
    again = ("body", "convert", str(out), "--out", str(tmp_path / "b.npz"))
    assert run_line(capsys, *again).status == 0
    assert (tmp_path / "b.npz").read_bytes() == before


def test_smplx_takes_the_converted_arrays(
    tmp_path: Path, arrays: dict[str, Any], open_coarse: BodyModel, capsys: pytest.CaptureFixture[str]
) -> None:
    smplx = pytest.importorskip("smplx")
    source, out = write_pickle(tmp_path / "a.pkl", arrays), tmp_path / "a.npz"
    assert run_line(capsys, "body", "convert", str(source), "--out", str(out)).status == 0
    with contextlib.redirect_stdout(io.StringIO()), np.load(out, allow_pickle=False) as written:
        struct = smplx.utils.Struct(**written)
        model = smplx.SMPL("", data_struct=struct, vertex_ids=dict(open_coarse.landmarks), batch_size=2)
    poses = 0.3 * torch.randn(2, 72, generator=torch.Generator().manual_seed(0))
    betas = torch.randn(2, 10, generator=torch.Generator().manual_seed(1))
    expected = model(betas=betas, global_orient=poses[:, :3], body_pose=poses[:, 3:]).vertices
    # float32 sums of 24 joints in another order
    torch.testing.assert_close(load_body(out).pose(betas, poses).vertices, expected, atol=2e-6, rtol=0)


def test_smplx_creates_a_body_with_hands_from_the_file(
    tmp_path: Path, open_coarse: BodyModel, capsys: pytest.CaptureFixture[str]
) -> None:
    smplx = pytest.importorskip("smplx")
    arrays = smplh_arrays(open_coarse)
    source, out = write_pickle(tmp_path / "SMPLH_MALE.pkl", arrays), tmp_path / "SMPLH_MALE.npz"
    outcome = run_line(capsys, "body", "convert", str(source), "--out", str(out))
    assert outcome.status == 0, outcome.err
    for word in ("SMPL+H", "hands_meanl", "52x2315", "bs_style, hands_coeffsl"):
        assert word in outcome.out
    with contextlib.redirect_stdout(io.StringIO()):
        model = smplx.create(
            str(out), ext="npz", vertex_ids=dict(open_coarse.landmarks), num_betas=16, use_pca=False
        )
    np.testing.assert_array_equal(model.J_regressor, arrays["J_regressor"].toarray().astype(np.float32))
    np.testing.assert_array_equal(model.left_hand_mean, arrays["hands_meanl"].astype(np.float32))
    assert model().vertices.shape == (1, open_coarse.vertex_count, 3)


class _Runs:
    """Pickles into a call."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def test_a_hostile_file_writes_nothing(
    tmp_path: Path, arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    arrays["bs_type"] = _Runs(tmp_path / "marker")
    source, out = write_pickle(tmp_path / "evil.pkl", arrays), tmp_path / "a.npz"
    outcome = run_line(capsys, "body", "convert", str(source), "--out", str(out))
    assert_one_line(outcome, "evil.pkl", "it asks for posix.mkdir")
    assert not (tmp_path / "marker").exists()
    assert not out.exists()


def _joints(arrays: dict[str, Any]) -> None:
    arrays["J_regressor"] = np.zeros((55, len(arrays["v_template"])))


def _hands(arrays: dict[str, Any]) -> None:
    arrays["weights"] = arrays["weights"][:, :-1]


def _nan(arrays: dict[str, Any]) -> None:
    arrays["v_template"][3, 1] = np.nan


def _faces(arrays: dict[str, Any]) -> None:
    arrays["f"] = arrays["f"] + 1


@pytest.mark.parametrize("make", [smpl_arrays, smplh_arrays])
@pytest.mark.parametrize(
    ("spoil", "word"),
    [(_joints, "J_regressor"), (_hands, "weights"), (_nan, "not finite"), (_faces, "a face names")],
)
def test_wrong_arrays_are_named(
    tmp_path: Path,
    open_coarse: BodyModel,
    make: Any,
    spoil: Any,
    word: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arrays = make(open_coarse)
    spoil(arrays)
    source, out = write_pickle(tmp_path / "a.pkl", arrays), tmp_path / "a.npz"
    assert_one_line(run_line(capsys, "body", "convert", str(source), "--out", str(out)), "a.pkl", word)
    assert not out.exists()


def test_wrong_names_are_one_line(
    tmp_path: Path, arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_pickle(tmp_path / "a.pkl", arrays)
    missing = run_line(capsys, "body", "convert", str(tmp_path / "no.pkl"), "--out", str(tmp_path / "a.npz"))
    assert_one_line(missing, "no.pkl", "cannot read the body file", "smpl.is.tue.mpg.de", "open-coarse")
    other = run_line(capsys, "body", "convert", str(source), "--out", str(tmp_path / "a.pkl2"))
    assert_one_line(other, "a.pkl2", "ends in .npz")
    text = run_line(capsys, "body", "convert", str(tmp_path / "a.txt"), "--out", str(tmp_path / "a.npz"))
    assert_one_line(text, "a.txt", "a .pkl or .npz")
    assert_one_line(run_line(capsys, "body", "convert", str(source)), "--out")
