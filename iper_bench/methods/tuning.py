"""``Tuning``: how a Liquid Warping method personalizes: recipe, loss networks, their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.hashing import file_sha256
from iper_bench.lwg.packaged import TrainedGenerator
from iper_bench.lwg.personalization import RECIPES, Recipe, Terms, recipe
from iper_bench.lwg.variant import (
    EFFICIENTNET_LITE0,
    NO_FACE,
    choices_of,
    face_term,
    perceptual_network,
)


def default_recipe(trained: TrainedGenerator) -> Recipe:
    """The recipe of the weights' variant."""
    return RECIPES[choices_of(trained.metadata).name]


@dataclass(frozen=True)
class Tuning:
    """How a method personalizes.

    Attributes
    ----------
    recipe: see :mod:`iper_bench.lwg.personalization`.
    perceptual: network of the perceptual term.
    perceptual_weights, face_weights: files of the networks that do not come with pip.
    face: whether the face term of the weights' variant is on.
    """

    recipe: Recipe
    perceptual: str
    face: bool
    perceptual_weights: Path | None = None
    face_weights: Path | None = None

    def identity(self, trained: TrainedGenerator) -> dict[str, Any]:
        """What belongs into a method's identity: empty for what the weights themselves ask for. Given files
        are named by their sha256.
        """
        said: dict[str, Any] = {}
        if self.recipe.name != default_recipe(trained).name:
            said["recipe"] = self.recipe.name
        if self.perceptual != trained.perceptual:
            said["perceptual"] = self.perceptual
        if not self.face and choices_of(trained.metadata).face != NO_FACE:
            said["face"] = NO_FACE
        for key, path in (
            ("perceptual_weights", self.perceptual_weights),
            ("face_weights", self.face_weights),
        ):
            if path is not None:
                said[key] = file_sha256(path)
        return said

    @classmethod
    def chosen(cls, trained: TrainedGenerator, options: Mapping[str, str]) -> Tuning:
        """What the weights ask for, changed by options as typed: ``recipe``, ``perceptual``, ``face``,
        ``perceptual_weights``, ``face_weights``. Raises UserError for an unknown name, a file that is not
        there, and one for a term that is off.
        """
        choices = choices_of(trained.metadata)
        named = options.get("perceptual", trained.perceptual)
        if named not in (trained.perceptual, EFFICIENTNET_LITE0):
            raise unknown_name("perceptual network", named, (trained.perceptual, EFFICIENTNET_LITE0))
        face = options.get("face", choices.face)
        if face not in (choices.face, NO_FACE):
            raise unknown_name("face term", face, (choices.face, NO_FACE))
        files = {key: Path(options[key]) for key in ("perceptual_weights", "face_weights") if key in options}
        used = {
            "perceptual_weights": named != EFFICIENTNET_LITE0 and trained.losses.perceptual > 0,
            "face_weights": face != NO_FACE,
        }
        for key, path in files.items():
            where = f"option '{key.replace('_', '-')}'"
            if not used[key]:
                raise UserError("a file for a term that these weights do not use", where=where)
            if not path.is_file():
                raise UserError("no such file", where=f"{where} {path}", expected="a weights file")
        picked = recipe(options["recipe"]) if "recipe" in options else default_recipe(trained)
        return cls(picked, named, face != NO_FACE, **files)

    def terms(self, trained: TrainedGenerator, method: str) -> Terms:
        """The losses with their networks. Raises UserError when a network lacks its file, saying what can be
        typed.
        """
        self._check_files(trained, method)
        perceptual = None
        if trained.losses.perceptual > 0:
            perceptual = perceptual_network(self.perceptual, self.perceptual_weights)
        face = face_term(choices_of(trained.metadata), self.face_weights) if self.face else None
        return Terms(trained.losses, trained.kinds, perceptual, face)

    def _check_files(self, trained: TrainedGenerator, method: str) -> None:
        lacking = []
        perceptual = trained.losses.perceptual > 0 and self.perceptual != EFFICIENTNET_LITE0
        if perceptual and self.perceptual_weights is None:
            lacking.append(("perceptual", self.perceptual, EFFICIENTNET_LITE0))
        if self.face and self.face_weights is None:
            lacking.append(("face", "sphere20a", NO_FACE))
        if lacking:
            files = ",".join(f"{term}-weights=FILE" for term, _, _ in lacking)
            without = ",".join(f"{term}={other}" for term, _, other in lacking)
            networks = " and ".join(network for _, network, _ in lacking)
            raise UserError(
                f"personalization of these weights needs {networks}, whose weights pip does not bring",
                where=f"method '{method}'",
                expected="their files, or other terms by name",
                hint=f"'{method}[{files}]@..', '{method}[{without}]@..', or --steps 0",
            )
