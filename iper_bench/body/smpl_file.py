"""A licensed SMPL file (.pkl or .npz) read without running anything it contains.

The official .pkl files are Python 2 pickles of numpy arrays, one scipy sparse matrix and chumpy objects.
The unpickler admits the few constructors those need and turns every chumpy class into an inert stub that
only keeps its state; whatever else a file asks for is refused before it is called.

Must agree with: the array names and layouts of SMPL_NEUTRAL.pkl and basicModel_*_lbs_10_207_0_v1.0.0.pkl as
``smplx`` reads them.
Differs: UV layout and part lists, which are not in the file, are read from the official files beside it or
derived (:mod:`iper_bench.body.smpl_companions`).
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.model import JOINT_COUNT, POSE_BASIS, SHAPE_COUNT, SMPL_PARENTS, BodyModel
from iper_bench.body.parts import derive_face_lists
from iper_bench.body.smpl_companions import companion_folder, read_face_lists, read_layout
from iper_bench.errors import UserError

SUFFIXES = (".npz", ".pkl")
LICENCE = "SMPL model licence (file supplied by the user)"
_HINT = "give the SMPL .pkl (or an .npz with the same arrays) from smpl.is.tue.mpg.de"

# Constructors that numpy arrays and scipy sparse matrices need; old and new module paths.
_NUMPY_NAMES = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
}
# Python 2 pickles rebuild old-style objects through copy_reg and carry bytes through _codecs.encode.
_BUILTIN_NAMES = {("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor"), ("_codecs", "encode")}
_OBJECT_NAMES = {("__builtin__", "object"), ("builtins", "object")}
# chumpy objects carry an empty set of changed terms in their state.
_SET_NAMES = {("__builtin__", "set"), ("builtins", "set")}
_SPARSE_NAMES = {"csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array"}

# The ids of the 21 points in the SMPL topology, from the vertex id table that ``smplx`` publishes for
# "smplh".
SMPL_LANDMARKS = {
    "nose": 332, "reye": 6260, "leye": 2800, "rear": 4071, "lear": 583,
    "rthumb": 6191, "rindex": 5782, "rmiddle": 5905, "rring": 6016, "rpinky": 6133,
    "lthumb": 2746, "lindex": 2319, "lmiddle": 2445, "lring": 2556, "lpinky": 2673,
    "LBigToe": 3216, "LSmallToe": 3226, "LHeel": 3387,
    "RBigToe": 6617, "RSmallToe": 6624, "RHeel": 6787,
}  # fmt: skip
_SMPL_VERTICES = 6890


class _Inert:
    """Stands for an object of a class that is not loaded: keeps its state, does nothing."""

    def __init__(self, *_arguments: object, **_keywords: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _SparseStub(_Inert):
    """State of a scipy sparse matrix; made dense by :func:`_dense`."""


class _ChumpyStub(_Inert):
    """State of a chumpy object; its array is read by :func:`_dense`."""


def _reconstruct_object(cls: type, _base: type, _state: object) -> object:
    """``copyreg._reconstructor`` for the inert classes alone."""
    if not (isinstance(cls, type) and issubclass(cls, _Inert)):
        raise pickle.UnpicklingError(f"refused to build {cls!r}")
    return cls()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """``_codecs.encode`` for the one codec by which Python 2 bytes are carried."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError(f"refused codec {encoding!r}")
    return text.encode("latin1")


class _RestrictedUnpickler(pickle.Unpickler):
    """Admits numpy arrays and the inert stubs. Everything else is an UnpicklingError that names it."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _NUMPY_NAMES:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) in _OBJECT_NAMES:
            return object
        if (module, name) in _SET_NAMES:
            return set
        if (module, name) in _BUILTIN_NAMES:
            return _encode if module == "_codecs" else _reconstruct_object
        if module.split(".")[0] == "chumpy" and "." not in name:
            return _ChumpyStub
        if module.startswith("scipy.sparse") and name in _SPARSE_NAMES:
            return type(name, (_SparseStub,), {})
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def load_smpl_file(path: Path, folder: Path | None = None) -> BodyModel:
    """Read a licensed SMPL file with its UV layout and part lists.

    Parameters
    ----------
    path: a ``.pkl`` as distributed, or an ``.npz`` with the arrays ``v_template, shapedirs, posedirs,
        J_regressor, weights, kintree_table, f``. More than ten shape directions are cut to ten.
    folder: with UV layout and part lists; ``None`` = the one that ``IPER_BENCH_SMPL_FOLDER`` names, else the
        file's own. What is absent there is derived.

    Raises
    ------
    UserError when a file is missing, unreadable, asks for anything but arrays, or has other shapes than
    SMPL.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot read the body file ({error.strerror})", where=str(path), hint=_HINT
        ) from error
    beside = companion_folder(path, folder)
    arrays = _read_arrays(path, content)
    template, faces = arrays["template"], arrays["faces"]
    derived = derive_face_lists(template, faces, arrays["skin_weights"], arrays["joint_regressor"] @ template)
    lists, list_digests = read_face_lists(beside, derived, len(faces))
    layout = read_layout(beside, template, faces, lists.parts)
    digests = [hashlib.sha256(content).hexdigest(), *layout.digests, *list_digests]
    together = hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
    return BodyModel(
        name=str(path),
        sha256=together if len(digests) > 1 else digests[0],
        licence=LICENCE,
        **arrays,
        parents=torch.tensor(SMPL_PARENTS),
        face_uv=layout.face_uv,
        parts=lists.parts,
        head_faces=lists.head_faces,
        front_faces=lists.front_faces,
        eye_faces=torch.empty(0, dtype=torch.int64),
        landmarks=dict(SMPL_LANDMARKS) if len(template) == _SMPL_VERTICES else {},
        uv_source=layout.source,
        obj_faces=layout.obj_faces,
        obj_face_uv=layout.obj_face_uv,
    )


def _read_arrays(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    """The arrays of the file by their names in :class:`BodyModel`, checked."""
    entries = _read_npz(path, content) if path.suffix == ".npz" else _read_pickle(path, content)
    template = _array(path, entries, "v_template", (-1, 3))
    count = len(template)
    shape_dirs = _array(path, entries, "shapedirs", (count, 3, -1))[..., :SHAPE_COUNT]
    if shape_dirs.shape[2] < SHAPE_COUNT:
        raise UserError(
            f"shapedirs has {shape_dirs.shape[2]} components",
            where=str(path),
            expected=f"at least {SHAPE_COUNT}",
        )
    pose_dirs = _array(path, entries, "posedirs", (count, 3, POSE_BASIS))
    regressor = _array(path, entries, "J_regressor", (JOINT_COUNT, count))
    weights = _array(path, entries, "weights", (count, JOINT_COUNT))
    faces = _array(path, entries, "f", (-1, 3), np.int64)
    if faces.min() < 0 or faces.max() >= count:
        raise UserError(f"a face names vertex {faces.max()}", where=str(path), expected=f"ids below {count}")
    _check_tree(path, _array(path, entries, "kintree_table", (2, JOINT_COUNT), np.int64))
    return {
        "template": template,
        "shape_dirs": shape_dirs.contiguous(),
        "pose_dirs": pose_dirs,
        "joint_regressor": regressor,
        "skin_weights": weights,
        "faces": faces,
    }


def _read_npz(path: Path, content: bytes) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"not a readable .npz of plain arrays ({error})", where=str(path), hint=_HINT
        ) from error


def _read_pickle(path: Path, content: bytes) -> dict[str, Any]:
    try:
        entries = _RestrictedUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a hostile or truncated pickle raises anything at all
        raise UserError(
            f"refused to load the pickle: {error}",
            where=str(path),
            expected="numpy arrays, scipy sparse matrices and chumpy arrays only",
            hint=_HINT,
        ) from error
    if not isinstance(entries, dict):
        raise UserError(
            f"the pickle holds a {type(entries).__name__}", where=str(path), expected="a dictionary"
        )
    return {str(key): value for key, value in entries.items()}


def _dense(value: object) -> NDArray[Any] | None:
    """The plain array inside a numpy array, a sparse stub or a chumpy stub; ``None`` when there is none."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, _Inert):
        state = value.state
        if isinstance(state, tuple):  # (dict, slots)
            state = next((item for item in state if isinstance(item, dict)), None)
        if not isinstance(state, dict):
            return None
        return _dense_sparse(value, state) if isinstance(value, _SparseStub) else _dense_chumpy(state)
    return None


def _dense_chumpy(state: dict[str, Any]) -> NDArray[Any] | None:
    """``ch.array`` keeps ``x``; ``Select`` keeps the flat indices ``idxs`` into ``a`` and a
    ``preferred_shape``.
    """
    if "x" in state:
        return _dense(state["x"])
    source, indices = _dense(state.get("a")), _dense(state.get("idxs"))
    if source is None or indices is None:
        return None
    picked = source.ravel()[indices.astype(np.int64).ravel()]
    shape = state.get("preferred_shape")
    return picked.reshape(shape) if shape is not None else picked


def _dense_sparse(stub: _SparseStub, state: dict[str, Any]) -> NDArray[Any]:
    from scipy import sparse

    kind = type(stub).__name__.split("_")[0]
    shape = tuple(int(size) for size in state.get("_shape", state.get("shape", ())))
    if kind == "coo":
        rows, columns = state["coords"] if "coords" in state else (state["row"], state["col"])
        matrix = sparse.coo_array((state["data"], (rows, columns)), shape=shape)
    else:
        build = sparse.csc_array if kind == "csc" else sparse.csr_array
        matrix = build((state["data"], state["indices"], state["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
    dense: NDArray[Any] = matrix.toarray()
    return dense


def _array(
    path: Path, entries: dict[str, Any], name: str, shape: tuple[int, ...], kind: type = np.float32
) -> torch.Tensor:
    """One array as a tensor; -1 in ``shape`` admits any size. Raises UserError when absent or of another
    shape.
    """
    if name not in entries:
        raise UserError(
            f"array '{name}' is missing", where=str(path), expected="the arrays of an SMPL model", hint=_HINT
        )
    try:
        value = _dense(entries[name])
        plain: NDArray[Any] | None = None if value is None else np.array(value, dtype=kind)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"array '{name}' is unreadable ({error})", where=str(path), hint=_HINT) from error
    if plain is None:
        raise UserError(f"'{name}' is a {type(entries[name]).__name__}", where=str(path), expected="an array")
    fits = plain.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, plain.shape, strict=True)
    )
    if not fits:
        wanted = str(shape).replace("-1", "any")
        raise UserError(
            f"array '{name}' has shape {plain.shape}", where=str(path), expected=wanted, hint=_HINT
        )
    if kind is np.float32 and not np.isfinite(plain).all():
        raise UserError(f"array '{name}' holds values that are not finite", where=str(path), hint=_HINT)
    return torch.from_numpy(plain)


def _check_tree(path: Path, table: torch.Tensor) -> None:
    parents = tuple(table[0].tolist())
    if parents[1:] != SMPL_PARENTS[1:]:  # the root's entry is 4294967295 or -1, it means nothing
        raise UserError(
            "the kinematic tree is not SMPL's", where=str(path), expected=str(SMPL_PARENTS), hint=_HINT
        )
