"""The ``other-person`` reference: a source of another person for every target.

What a similarity of faces or bodies says of two people who are not the same: no method is worse than that by
more than noise.
"""

from __future__ import annotations

from iper_bench.data.clip import Images
from iper_bench.methods.reference import Reference
from iper_bench.methods.reference_names import OTHERS


class OtherPerson(Reference):
    """The given frames as they are: the first source of the next person in the protocol's order."""

    name = "other-person"
    made_from = OTHERS

    def frames(self, given: Images) -> Images:
        """A copy."""
        return given.copy()


def create() -> OtherPerson:
    """The reference."""
    return OtherPerson()
