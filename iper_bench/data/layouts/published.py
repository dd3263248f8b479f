"""``open_published``: a dataset on the disk as it was published, whatever prepared copy lies beside it."""

from __future__ import annotations

from iper_bench.data.dataset import DATASETS
from iper_bench.data.layouts import fashionvideo, folder, iper, motionsynthetic, youtube_dancer
from iper_bench.data.layouts.opening import open_kind
from iper_bench.data.layouts.tree_dataset import TreeDataset
from iper_bench.errors import UserError

KINDS = {
    module.KIND.name: module.KIND for module in (fashionvideo, folder, iper, motionsynthetic, youtube_dancer)
}


def open_published(name: str, root: str | None = None, *, size: int | None = None) -> TreeDataset:
    """The dataset called ``name``, without its prepared copy.

    Parameters
    ----------
    root, size: see the function that the registry has for the name.

    Raises
    ------
    UserError as that function, for an unknown name, and for a dataset that does not lie in such files.
    """
    if name not in KINDS:
        DATASETS.get_entry(name)  # a mistyped name has its own message
        raise UserError(
            f"'{name}' is made and not published: it needs no preparation",
            where="dataset",
            expected=f"one of {', '.join(sorted(KINDS))}",
        )
    return open_kind(KINDS[name], root=root, size=size, prepared=False)
