"""The arrays of an SMPL file by their official names, from the released ``.pkl`` or from an ``.npz``.

Must agree with: the array names and layouts of SMPL_NEUTRAL.pkl, basicModel_*_lbs_10_207_0_v1.0.0.pkl and
SMPLH_*.pkl as ``smplx`` reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from iper_bench.array_file import npz_arrays
from iper_bench.body.smpl_pickle import dense, read_pickle_entries
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_limited

SUFFIXES = (".npz", ".pkl")
LARGEST_FILE = 1 << 30  # bytes, packed or not; the largest official file has 0.3 GB

#: what every SMPL file holds
REQUIRED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
#: the hands of SMPL+H: principal components and mean pose of 15 joints a side
HANDS = ("hands_componentsl", "hands_componentsr", "hands_meanl", "hands_meanr")

GET_IT = (
    "register at smpl.is.tue.mpg.de, accept the licence and download the model, or go on without it: "
    "the body open-coarse is free and comes with the package"
)
HINT = "give the SMPL .pkl (or an .npz with the same arrays) from smpl.is.tue.mpg.de"


class SmplArrays(NamedTuple):
    """``found``: arrays by official name, as stored. ``others``: names of entries that were not read."""

    found: dict[str, NDArray[Any]]
    others: tuple[str, ...]

    def array(self, path: Path, name: str) -> NDArray[Any]:
        """A compulsory array. Raises UserError when the file has none of that name."""
        if name not in self.found:
            raise UserError(
                f"array '{name}' is missing",
                where=str(path),
                expected="the arrays of an SMPL model",
                hint=HINT,
            )
        return self.found[name]


def read_smpl_content(path: Path) -> bytes:
    """The bytes of a body file. Raises UserError, which says where to get one when there is none."""
    if not path.exists():
        raise UserError(
            "cannot read the body file (No such file or directory)",
            where=str(path),
            expected="an SMPL file, which only its makers may hand out",
            hint=GET_IT,
        )
    return read_limited(path, LARGEST_FILE)


def read_smpl_arrays(path: Path, content: bytes) -> SmplArrays:
    """The arrays named in REQUIRED and HANDS that a file holds, as plain numpy arrays of their stored dtype.

    Parameters
    ----------
    path: decides by its suffix between pickle and npz.
    content: the bytes of the file.

    Raises
    ------
    UserError for a file that is damaged or asks for anything but arrays.
    """
    names = (*REQUIRED, *HANDS)
    if path.suffix == ".npz":
        return _read_npz(path, content, names)
    entries = read_pickle_entries(content, str(path), HINT)
    found = {name: _plain(path, name, entries[name]) for name in names if name in entries}
    return SmplArrays(found, tuple(sorted(set(entries) - set(names))))


def _plain(path: Path, name: str, value: object) -> NDArray[Any]:
    try:
        array = dense(value)
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(f"array '{name}' is unreadable ({error})", where=str(path), hint=HINT) from error
    if array is None:
        kind = getattr(value, "name", type(value).__name__)
        raise UserError(f"'{name}' is a {kind}", where=str(path), expected="an array", hint=HINT)
    return array


def _read_npz(path: Path, content: bytes, names: tuple[str, ...]) -> SmplArrays:
    try:
        found, others = npz_arrays(content, names, largest=LARGEST_FILE)
    except ValueError as error:
        raise UserError(
            f"not a readable .npz of plain arrays ({error})", where=str(path), hint=HINT
        ) from error
    return SmplArrays(found, tuple(others))
