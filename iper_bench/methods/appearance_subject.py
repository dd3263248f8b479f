"""Several people made into one subject: each gives some parts of the body (appearance transfer).

From: iPERCore's swapper. Every person gets the full source set-up; the initial images are merged by part and
the lists of sources are joined; shape, camera and background are the primary's, who is person 0. Frames are
then drawn exactly as in imitation. The pieces agree with the ``flow_swapper`` oracle (tests/flow).
Differs: where the initial image is averaged instead of merged in UV, the same rule by part holds for the
average; flows of the given faces alone, which the released code computes and leaves unused, are a choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from iper_bench.body.model import BodyModel
from iper_bench.errors import UserError
from iper_bench.flow.composition import BodyRaster
from iper_bench.flow.transfer import averaged_people_image, merge_people, selected_faces
from iper_bench.flow.transformation import face_corners, hide_faces
from iper_bench.lwg.inputs import BodyMaps, InputBuilder, InputOptions, SourceInputs
from iper_bench.methods.method import Sources, Subject
from iper_bench.methods.source_person import SourcePerson

T = TypeVar("T")


@runtime_checkable
class SeveralPeople(Protocol):
    """A method that can take people apart, beside what :class:`iper_bench.methods.method.Method` asks."""

    def appearance(
        self,
        people: Sequence[Sources],
        parts: Sequence[Sequence[str]],
        *,
        steps: int,
        seed: int,
        selected_flows: bool,
        background: int = 0,
    ) -> Subject:
        """One subject of several people.

        Parameters
        ----------
        people: the sources of each; person 0 is the primary. All on one body, at one frame size.
        parts: for each the names of the part groups that he gives, keys of
            :data:`iper_bench.flow.transfer.PART_GROUPS`. What nobody gives is the primary's.
        steps: personalisation steps per person, 0 = none.
        selected_flows: whether the flows into a person's sources show the faces that he gives alone.
        background: the person whose background the frames show.
        """


def several_people(method: object, name: str) -> SeveralPeople:
    """``method`` as one that can take people apart. Raises UserError when it cannot."""
    if not isinstance(method, SeveralPeople):
        raise UserError(
            f"method '{name}' cannot take people apart",
            where="--method",
            expected="a method with appearance transfer",
            hint="--method attlwb",
        )
    return method


class PeopleBuilder(InputBuilder):
    """An input builder whose initial images are averaged person by person.

    Parameters
    ----------
    body, size, options: as of the people's own builders.
    firsts: place of each person's first source in the joined list.
    given: (P, F, 3, 2) corners of these, -2 for faces that the person does not give.
    """

    def __init__(
        self, body: BodyModel, size: int, options: InputOptions, firsts: Sequence[int], given: Tensor
    ) -> None:
        super().__init__(body, size, options)
        self._firsts = list(firsts)
        self._given = given

    def merged_uv(self, people: Sequence[SourcePerson], selected: Tensor) -> Tensor | None:
        """The people's UV images blended to one (1, 3, S, S) by the faces ``selected`` (P, F) of each;
        ``None`` where the initial image does not go through UV.
        """
        images = [each.inputs.uv_image for each in people if each.inputs.uv_image is not None]
        if not images:
            return None
        # the second face list, where the body has one, as the UV images themselves
        faces = self.body.faces if self.body.obj_faces is None else self.body.obj_faces
        firsts = torch.cat([each.maps.projected[:1] for each in people])
        given = hide_faces(face_corners(firsts, faces), selected)
        return merge_people(torch.cat(images), given, self._composer.uv_fim, self._composer.uv_wim)

    def _initial(self, sources: SourceInputs, raster: BodyRaster, flows: Tensor) -> Tensor:
        if sources.uv_image is not None:
            return super()._initial(sources, raster, flows)
        composer = self._composer
        full = composer.flows(self._given, raster) if self.options.fill_unseen else None
        visible = composer.flows(sources.visible, raster)
        return averaged_people_image(sources.images, visible, sources.images[self._firsts], full)


def join_people(
    people: Sequence[SourcePerson],
    parts: Sequence[Sequence[str]],
    *,
    selected_flows: bool,
    background: int = 0,
) -> SourcePerson:
    """One person made of several; see :class:`SeveralPeople` for the parameters.

    Raises
    ------
    UserError for an unknown part group. ValueError when the people differ in body, frame size or options.
    """
    first = people[0].builder
    for person in people:
        builder = person.builder
        same = (builder.size, builder.options) == (first.size, first.options)
        if builder.body.sha256 != first.body.sha256 or not same:
            raise ValueError("people on different bodies, or of different frame sizes or options")
    selected = selected_faces(parts, first.body.parts, first.body.face_count).to(first.body.device)
    owned = zip(people, selected, strict=True)
    given = torch.cat([hide_faces(person.inputs.corners[:1], faces[None]) for person, faces in owned])
    counts = [len(person.images) for person in people]
    firsts = [sum(counts[:k]) for k in range(len(counts))]
    joined = PeopleBuilder(first.body, first.size, first.options, firsts, given)
    return replace(  # whatever else belongs to a person is the primary's
        people[0],
        builder=joined,
        maps=_join_maps([person.maps for person in people]),
        inputs=replace(
            _join_inputs(people, selected, joined, selected_flows=selected_flows),
            bg_input=people[background].inputs.bg_input,
        ),
        images=torch.cat([person.images for person in people]),
        masks=torch.cat([person.masks for person in people]),
    )


def _join_inputs(
    people: Sequence[SourcePerson], selected: Tensor, builder: PeopleBuilder, *, selected_flows: bool
) -> SourceInputs:
    owned = [person.inputs for person in people]

    def hidden(corners: Tensor, faces: Tensor) -> Tensor:
        return hide_faces(corners, faces.expand(len(corners), -1))

    pairs = list(zip(owned, selected, strict=True))
    attended = [hidden(each.attended, faces) if selected_flows else each.attended for each, faces in pairs]
    return SourceInputs(
        src_inputs=torch.cat([each.src_inputs for each in owned]),
        bg_input=owned[0].bg_input,
        images=torch.cat([each.images for each in owned]),
        corners=torch.cat([each.corners for each in owned]),
        attended=torch.cat(attended),
        visible=torch.cat([hidden(each.visible, faces) for each, faces in pairs]),
        uv_image=builder.merged_uv(people, selected),
    )


def _join_maps(maps: Sequence[BodyMaps]) -> BodyMaps:
    visible = [each.visible for each in maps if each.visible is not None]
    return BodyMaps(
        torch.cat([each.projected for each in maps]),
        torch.cat([each.fim for each in maps]),
        torch.cat([each.wim for each in maps]),
        torch.cat(visible) if len(visible) == len(maps) else None,
    )


def in_turn(streams: Sequence[Iterator[T]]) -> Iterator[T]:
    """One item of each endless stream in turn, so that every person is tuned on equally often."""
    return chain.from_iterable(zip(*streams, strict=False))
