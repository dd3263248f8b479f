"""Checkpoint files that no one should load, by name: each writes one below a folder."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.lwg.narrow import narrow_generator

VICTIM = "victim"  # the folder that a hostile file would make


def official() -> dict[str, Tensor]:
    """The tensors of a narrow AttLWB-SPADE."""
    return narrow_generator("AttLWB-SPADE").state_dict()


class _Runs:
    def __init__(self, folder: Path) -> None:
        self.target = str(folder / VICTIM)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.target,)


def _code(folder: Path) -> Path:
    path = folder / "code.pth"
    path.write_bytes(pickle.dumps(_Runs(folder), protocol=2))
    return path


def _code_inside(folder: Path) -> Path:
    path = folder / "inside.pth"
    torch.save({"state_dict": official(), "args": _Runs(folder)}, path)
    return path


def _truncated(folder: Path) -> Path:
    path = folder / "short.pth"
    torch.save(official(), path)
    path.write_bytes(path.read_bytes()[:-500])
    return path


def _cut_early(folder: Path) -> Path:
    path = folder / "early.pth"
    torch.save(official(), path)
    path.write_bytes(path.read_bytes()[:300])
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.pth"
    path.touch()
    return path


def _text(folder: Path) -> Path:
    path = folder / "text.pth"
    path.write_text("<html>404: not found</html>\n" * 9)
    return path


def _packed(folder: Path) -> Path:
    """A torch file whose records are packed: a few kilobytes that unpack to much more."""
    path = folder / "packed.pth"
    torch.save({"a": torch.zeros(250_000)}, folder / "plain.pth")
    with (
        zipfile.ZipFile(folder / "plain.pth") as plain,
        zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    return path


def _claim(folder: Path) -> Path:
    """Three gigabytes of one number."""
    state = official()
    state["bg_net.main.0.bias"] = torch.zeros(1).expand(3 * 2**28)
    torch.save(state, folder / "claim.pth")
    return folder / "claim.pth"


def _not_finite(folder: Path) -> Path:
    state = official()
    state["tsf_img_reg.0.weight"][0, 1, 2, 3] = float("nan")
    torch.save(state, folder / "nan.pth")
    return folder / "nan.pth"


def _whole_numbers(folder: Path) -> Path:
    state = official()
    state["src_net.img_reg.0.weight"] = torch.ones(3, 4, 5, 5, dtype=torch.int64)
    torch.save(state, folder / "whole.pth")
    return folder / "whole.pth"


def _sparse(folder: Path) -> Path:
    torch.save({**official(), "extra": torch.eye(2).to_sparse()}, folder / "sparse.pth")
    return folder / "sparse.pth"


def _without_values(folder: Path) -> Path:
    torch.save({**official(), "extra": torch.empty(2, device="meta")}, folder / "meta.pth")
    return folder / "meta.pth"


def _optimiser(folder: Path) -> Path:
    moments = {"step": torch.ones(1), "exp_avg": torch.zeros(2), "exp_avg_sq": torch.zeros(2)}
    content = {"state": {0: moments}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    torch.save(content, folder / "opt_iter_1_id_G.pth")
    return folder / "opt_iter_1_id_G.pth"


def _twice(folder: Path) -> Path:
    torch.save({"a": torch.ones(1), "module.a": torch.zeros(1)}, folder / "twice.pth")
    return folder / "twice.pth"


def _nothing(folder: Path) -> Path:
    torch.save({}, folder / "nothing.pth")
    return folder / "nothing.pth"


def _header(folder: Path, header: bytes, length: int | None = None) -> Path:
    path = folder / "bad.safetensors"
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + b"\0" * 64)
    return path


def _entry(stop: int) -> bytes:
    shape = [(stop + 3) // 4]
    return json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, stop]}}).encode()


def _nan_safetensors(folder: Path) -> Path:
    state = official()
    state["tsf_img_reg.0.weight"][0, 0, 0, 0] = float("inf")
    save_file(state, folder / "inf.safetensors")
    return folder / "inf.safetensors"


def _empty_safetensors(folder: Path) -> Path:
    path = folder / "empty.safetensors"
    path.touch()
    return path


def _deep_settings(folder: Path) -> Path:
    save_file({"a": torch.ones(1)}, folder / "deep.safetensors", metadata={"iper_bench": "[" * 100_000})
    return folder / "deep.safetensors"


def _listed_settings(folder: Path) -> Path:
    save_file({"a": torch.ones(1)}, folder / "list.safetensors", metadata={"iper_bench": "[1]"})
    return folder / "list.safetensors"


BROKEN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "pickle with code": (_code, "can be read safely"),
    "code beside the weights": (_code_inside, "can be read safely"),
    "truncated zip": (_truncated, "can be read safely"),
    "the start of a zip": (_cut_early, "can be read safely"),
    "empty file": (_empty, "empty file"),
    "text file": (_text, "can be read safely"),
    "packed zip": (_packed, "packed records"),
    "3 GB claimed by a stride": (_claim, "claim 322"),
    "NaN": (_not_finite, "'tsf_img_reg.0.weight' holds 1 values that are not finite"),
    "whole numbers": (_whole_numbers, "'src_net.img_reg.0.weight' is of int64"),
    "sparse tensor": (_sparse, "is no plain array|can be read safely"),
    "tensor without values": (_without_values, "'extra' is no plain array"),
    "optimiser state": (_optimiser, "holds no state dict"),
    "a key twice": (_twice, "1 keys stand there twice"),
    "no tensors": (_nothing, "holds no tensors"),
    "safetensors: header of 3 GB": (lambda f: _header(f, b"{}", 3 * 10**9), "damaged weights file"),
    "safetensors: tensor of 3 GB": (lambda f: _header(f, _entry(3 * 10**9)), "damaged weights file"),
    "safetensors: header no JSON": (lambda f: _header(f, b"not json"), "damaged weights file"),
    "safetensors: unknown type": (lambda f: _header(f, _entry(64).replace(b"F32", b"Q99")), "damaged"),
    "safetensors: empty": (_empty_safetensors, "damaged"),
    "safetensors: infinity": (_nan_safetensors, "'tsf_img_reg.0.weight' holds 1 values"),
    "safetensors: deep settings": (_deep_settings, "damaged weights file"),
    "safetensors: settings no table": (_listed_settings, "settings are no table"),
}
"""Name of the fault: what writes the file, and what the message must match."""
