"""The identity of a unit: the content hash of everything that can change a predicted frame."""

from __future__ import annotations

from collections.abc import Sequence

from iper_bench.hashing import canonical_json, text_hash

_PLACE = "*"  # stands for the trial while the rest is written; "trial" is the last of the keys


def unit_id(
    method: Sequence[str],
    trial: str,
    grid: tuple[int, int, int],
    data: tuple[str, int],
    other_person: Sequence[object] | None = None,
) -> str:
    """16 hexadecimal digits.

    Parameters
    ----------
    method: label and identity. trial: what of the trial counts, as canonical JSON (the same text serves the
        many units that share it). grid: sn, T, seed. data: fingerprint of the dataset, side of its frames in
        pixels.
    other_person: clip and frame that the reference ``other-person`` shows.
    """
    own = {
        "method": list(method),
        "trial": _PLACE,
        "sn": grid[0],
        "steps": grid[1],
        "seed": grid[2],
        "dataset": data[0],
        "image_size": data[1],
        **({} if other_person is None else {"other_person": list(other_person)}),
    }
    head, _, tail = canonical_json(own).rpartition(f'"{_PLACE}"')
    return text_hash(f"{head}{trial}{tail}")


def unit_name(method: str, trial: str, grid: tuple[int, int, int]) -> str:
    """Readable identity, for example ``"attlwb self:actor3/a sn=2 T=100"``; a seed other than 0 is named."""
    sn, steps, seed = grid
    return f"{method} {trial} sn={sn} T={steps}" + (f" seed={seed}" if seed else "")
