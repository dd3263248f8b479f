"""Licensed SMPL files: plain, with chumpy objects, hostile, damaged; synthetic, in the official layout."""

from __future__ import annotations

import os
import pickle
import struct
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from iper_bench.body import BodyModel, load_body
from iper_bench.body.loading import default_body
from iper_bench.body.smpl_pickle import dense, read_pickle_entries
from iper_bench.errors import UserError
from iper_bench.plain_pickle import StandIn
from tests.body.smpl_like import smpl_arrays, smplh_arrays, write_pickle


@pytest.fixture(scope="module")
def open_coarse() -> BodyModel:
    return load_body("open-coarse")


@pytest.fixture
def arrays(open_coarse: BodyModel) -> dict[str, Any]:
    return smpl_arrays(open_coarse)


def same_body(loaded: BodyModel, reference: BodyModel) -> None:
    for name in ("template", "shape_dirs", "skin_weights", "joint_regressor", "faces", "head_faces"):
        torch.testing.assert_close(getattr(loaded, name), getattr(reference, name), atol=0, rtol=0)
    assert loaded.uv_source == "derived"
    assert loaded.obj_faces is None
    assert loaded.pose_dirs is not None
    assert list(loaded.parts) == list(reference.parts)
    assert all(torch.equal(loaded.parts[name], ids) for name, ids in reference.parts.items())


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_with_a_sparse_regressor_loads(
    tmp_path: Path, arrays: dict[str, Any], open_coarse: BodyModel, protocol: int
) -> None:
    same_body(load_body(write_pickle(tmp_path / "SMPL_NEUTRAL.pkl", arrays, protocol)), open_coarse)


def test_an_npz_loads_and_extra_shape_directions_are_cut(
    tmp_path: Path, arrays: dict[str, Any], open_coarse: BodyModel
) -> None:
    arrays["J_regressor"] = arrays["J_regressor"].toarray()
    arrays["shapedirs"] = np.concatenate([arrays["shapedirs"], np.ones_like(arrays["shapedirs"])], axis=2)
    np.savez(tmp_path / "smpl.npz", **arrays)
    same_body(load_body(tmp_path / "smpl.npz"), open_coarse)


def fake_chumpy(monkeypatch: pytest.MonkeyPatch) -> tuple[type, type]:
    """Classes that pickle as chumpy's do; they exist only while the file is written."""
    chumpy, reordering = types.ModuleType("chumpy.ch"), types.ModuleType("chumpy.reordering")
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    select = type("Select", (), {"__module__": "chumpy.reordering"})
    chumpy.Ch, reordering.Select = ch, select  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", chumpy)
    monkeypatch.setitem(sys.modules, "chumpy.reordering", reordering)
    return ch, select


@pytest.mark.parametrize("protocol", [0, 2])
def test_chumpy_objects_are_read_as_arrays(
    tmp_path: Path,
    arrays: dict[str, Any],
    open_coarse: BodyModel,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
) -> None:
    with monkeypatch.context() as patch:
        ch, select = fake_chumpy(patch)
        wide = np.concatenate([arrays["shapedirs"], np.ones_like(arrays["shapedirs"])], axis=2)
        indices = np.arange(wide.size).reshape(wide.shape)[..., :10]
        source, shapedirs, template = ch(), select(), ch()
        source.__dict__["x"] = wide
        shapedirs.__dict__.update(a=source, idxs=indices.ravel(), preferred_shape=indices.shape)
        template.__dict__.update(x=arrays["v_template"], _dirty_vars=set())
        arrays.update(shapedirs=shapedirs, v_template=template)
        path = write_pickle(tmp_path / "basicModel.pkl", arrays, protocol)
    assert "chumpy" not in sys.modules
    same_body(load_body(path), open_coarse)


class _Runs:
    """Pickles into a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("where", ["entry", "whole", "inside an array"])
def test_a_hostile_pickle_is_refused_before_it_runs(
    tmp_path: Path, arrays: dict[str, Any], protocol: int, where: str
) -> None:
    victim = tmp_path / "victim"
    call = _Runs(os.mkdir, str(victim))
    content: Any = call
    if where != "whole":
        arrays["weights"] = call if where == "entry" else np.array([call, None], dtype=object)
        content = arrays
    path = write_pickle(tmp_path / "evil.pkl", content, protocol)
    with pytest.raises(UserError, match="mkdir") as caught:
        load_body(path)
    assert "\n" not in str(caught.value)
    assert not victim.exists()


@pytest.mark.parametrize(
    "function", [eval, getattr, np.load, np.testing.assert_equal, pickle.loads, sparse.load_npz, np.fromfile]
)
def test_no_other_function_is_admitted(tmp_path: Path, function: Any) -> None:
    path = write_pickle(tmp_path / "evil.pkl", {"v_template": _Runs(function, "0")})
    with pytest.raises(UserError, match="refused to load the pickle"):
        load_body(path)


def test_a_truncated_pickle_is_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = write_pickle(tmp_path / "short.pkl", arrays)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="refused to load the pickle"):
        load_body(path)


def test_an_npz_with_pickled_objects_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", v_template=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="not a readable"):
        load_body(tmp_path / "objects.npz")


def _drop(arrays: dict[str, Any]) -> None:
    del arrays["posedirs"]


def _reshape(arrays: dict[str, Any]) -> None:
    arrays["weights"] = arrays["weights"][:, :23]


def _poison(arrays: dict[str, Any]) -> None:
    arrays["v_template"] = np.full_like(arrays["v_template"], np.nan)


def _dangle(arrays: dict[str, Any]) -> None:
    arrays["f"] = arrays["f"] + 1


def _regrow(arrays: dict[str, Any]) -> None:
    arrays["kintree_table"] = np.zeros((2, 24), np.int64)


def _corrupt(arrays: dict[str, Any]) -> None:
    arrays["J_regressor"].indices[0] = 10_000


def _shorten(arrays: dict[str, Any]) -> None:
    arrays["shapedirs"] = arrays["shapedirs"][..., :4]


def _spell(arrays: dict[str, Any]) -> None:
    arrays["weights"] = np.full(arrays["weights"].shape, "no")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_drop, "'posedirs' is missing"),
        (_reshape, r"'weights' has shape \(2315, 23\).*expected \(2315, 24\)"),
        (_poison, "'v_template' holds values that are not finite"),
        (_dangle, "a face names vertex 2315"),
        (_regrow, "kinematic tree"),
        (_corrupt, "'J_regressor' is unreadable"),
        (_shorten, "4 components"),
        (_spell, "'weights' has dtype <U2.*expected numbers"),
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, arrays: dict[str, Any], spoil: Any, words: str) -> None:
    spoil(arrays)
    path = write_pickle(tmp_path / "wrong.pkl", arrays)
    with pytest.raises(UserError, match=words) as caught:
        load_body(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the body file") as caught:
        load_body(tmp_path / "SMPL_MALE.pkl")
    for word in (str(tmp_path / "SMPL_MALE.pkl"), "smpl.is.tue.mpg.de", "licence", "open-coarse"):
        assert word in str(caught.value)


CHUMPY = Path(__file__).parent / "chumpy_0_70"  # written by chumpy 0.70 with numpy 1.23 and scipy 1.9
NUMBERS = np.arange(24.0).reshape(2, 3, 4)
DIAGONAL = np.diag([1.0, 2.0, 3.0])[:2]
RELEASED = {
    "plain": np.arange(6.0).reshape(2, 3),
    "select": NUMBERS[:, :, :2],
    "reshape": NUMBERS.reshape(6, 4),
    "concatenate": NUMBERS[:, :, [0, 1, 3]],
    "transpose": NUMBERS[:, :, 0].T,
    "csc_matrix": DIAGONAL,
    "csr_matrix": DIAGONAL,
    "coo_matrix": DIAGONAL,
    "csc_array": DIAGONAL,
}


@pytest.mark.parametrize("protocol", [0, 2])
def test_what_chumpy_and_an_old_scipy_wrote_is_read(protocol: int) -> None:
    content = (CHUMPY / f"protocol_{protocol}.pkl").read_bytes()
    entries = read_pickle_entries(content, "file", "")
    assert entries.keys() == {*RELEASED, "repeat"}
    for name, expected in RELEASED.items():
        found = dense(entries[name])
        assert found is not None, name
        np.testing.assert_array_equal(found, expected, err_msg=name)
    assert dense(entries["repeat"]) is None  # an operation that no SMPL file holds: no array, no guess
    assert "chumpy" not in sys.modules


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize(
    "kind", ["csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array"]
)
def test_what_this_scipy_writes_is_read(kind: str, protocol: int) -> None:
    value = {"J_regressor": getattr(sparse, kind)(DIAGONAL)}
    found = dense(read_pickle_entries(pickle.dumps(value, protocol), "file", "")["J_regressor"])
    np.testing.assert_array_equal(found, DIAGONAL)


def test_a_sparse_matrix_that_would_fill_the_memory_is_refused(
    tmp_path: Path, arrays: dict[str, Any]
) -> None:
    arrays["J_regressor"] = sparse.coo_matrix(([1.0], ([0], [0])), shape=(10**6, 10**6))
    with pytest.raises(UserError, match="size that no SMPL file has"):
        load_body(write_pickle(tmp_path / "bomb.pkl", arrays))


def concatenated(terms: list[Any]) -> StandIn:
    named = {f"m{place}": term for place, term in enumerate(terms)}
    return StandIn("chumpy.reordering", "Concatenate", (), {"dterms": [*named], "axis": 0, **named})


def test_concatenations_that_would_fill_the_memory_are_refused() -> None:
    value = concatenated([np.zeros(1000)])
    for _ in range(4):
        value = concatenated([value] * 20)  # 160 million numbers in all
    with pytest.raises(ValueError, match="size that no SMPL file has"):
        dense(value)
    for _ in range(100):
        value = concatenated([value])
    assert dense(value) is None


def npz_with_header(path: Path, shape: str) -> Path:
    """An .npz whose one array announces a shape that its bytes do not have."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("v_template.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    return path


def test_an_npz_that_announces_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has 0 bytes"):
        load_body(npz_with_header(tmp_path / "bomb.npz", "(1000000000000, 3)"))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_npz_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(UserError, match="not a readable"):
        load_body(tmp_path / "bad.npz")


def test_a_body_with_hands_is_named(tmp_path: Path, open_coarse: BodyModel) -> None:
    path = write_pickle(tmp_path / "SMPLH_MALE.pkl", smplh_arrays(open_coarse))
    with pytest.raises(UserError, match=r"SMPL\+H model with 52 joints.*expected SMPL's 24"):
        load_body(path)


def test_the_default_body_is_open_or_the_one_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPER_BENCH_BODY", raising=False)
    assert default_body() == "open-coarse"
    monkeypatch.setenv("IPER_BENCH_BODY", "")
    assert default_body() == "open-coarse"
    monkeypatch.setenv("IPER_BENCH_BODY", "open-mid")
    assert default_body() == "open-mid"
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPER_BENCH_BODY", "SMPL_NEUTRAL.pkl")
    assert default_body() == str(tmp_path / "SMPL_NEUTRAL.pkl")
    for wrong in ("SMPL_MALE.pkl", "open-corse", str(tmp_path)):
        monkeypatch.setenv("IPER_BENCH_BODY", wrong)
        with pytest.raises(UserError, match=f"^IPER_BENCH_BODY: '{wrong}' is no body") as caught:
            default_body()
        assert "smpl.is.tue.mpg.de" in str(caught.value)
