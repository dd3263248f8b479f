"""What is known about the weights of every network in a folder, without using them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.metrics import weight_trust
from iper_bench.metrics.backbones.identities import Backbone
from iper_bench.metrics.weights import (
    Identity,
    WeightFile,
    changed,
    check_weights,
    hash_once,
    present,
    wrong_hash,
)

VERIFIED = "verified"
TRUSTED = "trusted on first use"
UNUSED = "not used yet"
BUNDLED = "bundled with pip"
MISSING = "missing"
WRONG = "wrong"


@dataclass(frozen=True)
class State:
    """One network's weights: ``words`` is one of the constants above, ``why`` says what is wrong."""

    identity: Identity
    path: Path | None
    words: str
    why: str = ""

    @property
    def size(self) -> str:
        """Megabytes or kilobytes, or that there is no file."""
        if self.path is None:
            return "not here"
        count = self.path.stat().st_size
        return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def state(backbone: Backbone, folder: Path) -> State:
    """Hash the file of ``backbone`` and compare. Nothing is recorded."""
    identity = backbone.identity
    path: Path | None = None
    try:
        path = _path(backbone, folder)
        if path is None:
            return State(identity, None, MISSING)
        return State(identity, path, _judged(identity, path))
    except UserError as error:
        return State(identity, path, WRONG, str(error))


def verify(backbone: Backbone, folder: Path) -> State:
    """Like :func:`state`, and load the tensors. A file that fits and whose hash is not public counts as used
    from now on.
    """
    found = state(backbone, folder)
    if found.path is None or found.words == WRONG:
        return found
    identity = backbone.identity
    try:
        backbone.try_on(WeightFile(found.path, hash_once(identity, found.path)))
        check_weights(identity, found.path)
    except UserError as error:
        return State(identity, found.path, WRONG, str(error))
    return State(identity, found.path, TRUSTED if found.words == UNUSED else found.words)


def _path(backbone: Backbone, folder: Path) -> Path | None:
    if backbone.bundled is None:
        return present(backbone.identity, folder)
    try:
        path = backbone.bundled()
    except ModuleNotFoundError:
        return None
    return path if path.is_file() else None


def _judged(identity: Identity, path: Path) -> str:
    sha256 = hash_once(identity, path)
    known = identity.expected(path.name)
    if known is not None:
        if not sha256.startswith(known):
            raise wrong_hash(identity, path, sha256, known)
        return BUNDLED if identity.pip else VERIFIED
    trusted = weight_trust.recorded(identity.name, path.name)
    if trusted is None:
        return UNUSED
    if trusted != sha256:
        raise changed(identity, path, sha256, trusted)
    return TRUSTED
