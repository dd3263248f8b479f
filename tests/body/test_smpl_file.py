"""Licensed SMPL files: plain, with chumpy objects, hostile, damaged; synthetic, in the official layout."""

from __future__ import annotations

import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from iper_bench.body import BodyModel, load_body
from iper_bench.errors import UserError
from tests.body.smpl_like import smpl_arrays, write_pickle


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
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, arrays: dict[str, Any], spoil: Any, words: str) -> None:
    spoil(arrays)
    path = write_pickle(tmp_path / "wrong.pkl", arrays)
    with pytest.raises(UserError, match=words) as caught:
        load_body(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the body file"):
        load_body(tmp_path / "SMPL_MALE.pkl")
