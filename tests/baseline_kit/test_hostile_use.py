"""What users and files get wrong with a baseline: said in one line, before anything is lost or computed."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.baseline_kit.baseline import Need
from iper_bench.baseline_kit.opening import baseline_class, make_baseline
from iper_bench.baseline_kit.plain_fields import from_plain
from iper_bench.baseline_kit.training import BaselineRequest, train_baseline
from iper_bench.baseline_kit.weight_file import KIND
from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import save_safetensors
from iper_bench.methods.baseline_folders import baseline_folders
from iper_bench.methods.method import METHODS
from iper_bench.training.keep import KeepPolicy
from iper_bench.training.state import STATE_FILE, read_state, write_state
from tests.baseline_kit.toy import NETWORK, toy_installed, write_toy
from tests.cli.command_line import assert_one_line, run_line

TRAIN = ("train", "--dataset", "synthetic", "--method")


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Path]:
    with toy_installed(tmp_path / "folders") as folder:
        yield folder


def request(out: Path, **changes: object) -> BaselineRequest:
    return BaselineRequest("toy-paint", "synthetic", out, **{"steps": 4, **changes})  # type: ignore[arg-type]


def weights(path: Path, *, extra: Mapping[str, torch.Tensor] | None = None, **settings: object) -> Path:
    """A weights file of the toy with other settings, or more tensors, than training would write."""
    baseline = make_baseline(baseline_class("toy-paint"), "tiny")
    tensors = {f"G/{key}": value for key, value in baseline.networks["G"].state_dict().items()}
    told = {"kind": KIND, "method": "toy-paint", "settings": asdict(baseline.settings) | settings}
    save_safetensors({**tensors, **(extra or {})}, path, told)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 1.0}, "both --steps and --epochs"),
        ({"keep": KeepPolicy(best=True)}, "--keep-best: the best weights are to be kept"),
        ({"steps": 0}, "--steps: is 0"),
        ({"batch": 0}, "--batch: is 0"),
        ({"batch": 10**9}, "--batch: is 1000000000"),
    ],
)
def test_requests(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        request(tmp_path, **changes)
    assert message in str(caught.value)


def test_endless_epochs(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run_line(capsys, *TRAIN, "toy-paint", "--out", str(tmp_path / "run"), "--epochs", "inf")
    assert_one_line(shown, "--epochs", "inf passes")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("TOY-paint", ("unknown trainable method 'TOY-paint'", "did you mean toy-paint?")),
        ("HMR", ("unknown trainable method 'HMR'", "did you mean hmr?")),
        ("toy-paint[loss=lp]", ("has options in brackets", "toy-paint alone")),
    ],
)
def test_names(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, words: tuple[str, ...]
) -> None:
    assert_one_line(run_line(capsys, *TRAIN, method, "--out", str(tmp_path / "run")), *words)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 10**6}, "shapes differ"),
        ({"width": 10**30}, "field 'width': is a number of 100 bits"),
        ({"width": -1}, "no network of 'toy-paint' can be built with them"),
        ({"width": 4.5}, "field 'width': is 4.5"),
        ({"dropout": 10**400}, "field 'dropout': is 1"),
        ({"dropout": 7.0}, "no network of 'toy-paint' can be built with them"),
        ({"side": 10**6}, "field 'side': is 1000000"),
        ({"batch": 0}, "field 'batch': is 0"),
        ({"perceptual": "x" * 5000}, "unknown perceptual network 'xxx"),
        ({"colour": 1}, "unknown field 'colour'"),
    ],
)
def test_settings_of_weights(toy: Path, tmp_path: Path, settings: dict[str, object], message: str) -> None:
    """Found on the device ``meta``: the width of a million would be 200 MB, and nothing is allocated."""
    path = weights(tmp_path / "w.safetensors", **settings)
    with pytest.raises(UserError) as caught:
        METHODS.get("toy-paint")(weights=path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600


def test_networks_without_end_are_not_built(tmp_path: Path) -> None:
    """A depth of a million costs memory on the device ``meta`` too."""
    with toy_installed(tmp_path / "folders"):
        path = weights(tmp_path / "w.safetensors", width=10**6)
    deep = NETWORK.replace("width,", "4,").replace("(width", "(4")
    deep = deep.replace("nn.Dropout(dropout),", "*[nn.PReLU() for _ in range(width)],")
    assert deep.count("width") == 2
    with toy_installed(tmp_path / "deep") as folder:
        (folder / "network.py").write_text(deep, encoding="utf-8")
        with pytest.raises(UserError, match="a network of more than 2080 layers"):
            METHODS.get("toy-paint")(weights=path)


def test_tensors_of_no_network(toy: Path, tmp_path: Path) -> None:
    path = weights(tmp_path / "w.safetensors", extra={"H/weight": torch.zeros(1)})
    with pytest.raises(UserError, match=r"holds 1 tensors of no network, the first: 'H/weight'"):
        METHODS.get("toy-paint")(weights=path)
    with pytest.raises(UserError, match="tensors of no network"):
        train_baseline(request(tmp_path / "run", init=path))
    assert not (tmp_path / "run").exists()


def test_state_that_does_not_fit(toy: Path, tmp_path: Path) -> None:
    """Tensors of another shape, a part that is missing, a truncated file: the file stays what it is."""
    out = tmp_path / "run"
    train_baseline(request(out, steps=1))
    state = dict(read_state(out / STATE_FILE))
    del state["format"]
    broken: list[dict[str, Any]] = [
        {**state, "networks": {"G": {"layers.0.weight": torch.zeros(1)}}},
        {key: value for key, value in state.items() if key != "optimisers"},
        {**state, "extra": []},
    ]
    for content in broken:
        write_state(out, content)
        before = (out / STATE_FILE).read_bytes()
        with pytest.raises(UserError, match=r"state\.pt: training state does not fit 'toy-paint'.*--fresh"):
            train_baseline(request(out, steps=2))
        assert (out / STATE_FILE).read_bytes() == before
    (out / STATE_FILE).write_bytes(before[: len(before) // 2])
    with pytest.raises(UserError, match="training state cannot be read"):
        train_baseline(request(out, steps=2))


def test_state_of_another_method_version_or_preset(toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_baseline(request(out, steps=1))
    with pytest.raises(UserError, match="another set-up"):
        train_baseline(request(out, steps=1, preset="paper"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline_class("toy-paint"), "version", 2)
        with pytest.raises(UserError, match="another set-up"):
            train_baseline(request(out, steps=1))
    state = dict(read_state(out / STATE_FILE))
    write_state(out, {"identity": state["identity"], "step": 1, "generator": {}})
    with pytest.raises(UserError, match="another set-up"):
        train_baseline(request(out, steps=1))


def test_ways_that_change_no_number(toy: Path, tmp_path: Path) -> None:
    """Threads, pictures, kept weights, and the side said or not: the same weights bit for bit."""
    plain = train_baseline(request(tmp_path / "plain")).read_bytes()
    ways: list[dict[str, object]] = [
        {"workers": 3},
        {"pictures_every": 1, "keep": KeepPolicy(every=1), "log_every": 1},
        {"size": 32},
    ]
    for k, way in enumerate(ways):
        assert train_baseline(request(tmp_path / str(k), **way)).read_bytes() == plain
    with pytest.raises(UserError, match="another set-up"):
        train_baseline(request(tmp_path / "plain", size=48))


def test_ctrl_c_and_the_same_command(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step under way is finished and saved, exit status 130; the same command goes on to the same end."""
    kind = baseline_class("toy-paint")
    learn = kind.learn

    def interrupted(self: Any, batch: Any, step: int, steps: int) -> dict[str, float]:
        if step == 2:
            signal.raise_signal(signal.SIGINT)
        return learn(self, batch, step, steps)

    line = (*TRAIN, "toy-paint", "--steps", "4", "--out")
    monkeypatch.setattr(kind, "learn", interrupted)
    assert run_line(capsys, *line, str(tmp_path / "cut")).status == 130
    assert read_state(tmp_path / "cut" / STATE_FILE)["step"] == 3
    monkeypatch.setattr(kind, "learn", learn)
    assert run_line(capsys, *line, str(tmp_path / "cut")).status == 0
    whole = train_baseline(request(tmp_path / "whole"))
    assert (tmp_path / "cut" / "weights.safetensors").read_bytes() == whole.read_bytes()


def test_full_disk(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of before stays."""
    out = tmp_path / "run"
    train_baseline(request(out, steps=2))
    before = (out / STATE_FILE).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    shown = run_line(capsys, *TRAIN, "toy-paint", "--out", str(out), "--steps", "3")
    assert shown.status == 2
    assert "no space left on the disk" in shown.err
    assert "Traceback" not in shown.err
    assert (out / STATE_FILE).read_bytes() == before


def test_stage_that_no_clip_is_long_enough_for(toy: Path, tmp_path: Path) -> None:
    """Said before the first step, although only the last one needs the frames."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            baseline_class("toy-paint"), "need", lambda self, step, steps: Need(1, 2 + 9999 * (step == 3))
        )
        with pytest.raises(UserError, match="takes 10001 frames of one clip"):
            train_baseline(request(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("def create(:", "invalid syntax"),
        ("", "create"),
    ],
)
def test_folder_that_cannot_be_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    with toy_installed(tmp_path / "folders") as folder:
        (folder / "method.py").write_text(text, encoding="utf-8")
        shown = run_line(capsys, *TRAIN, "toy-paint", "--out", str(tmp_path / "run"))
        assert_one_line(shown, str(folder / "method.py"))
        with pytest.raises(UserError, match=words) as caught:
            METHODS.get("toy-paint")
        assert "baselines/toy_paint" in str(caught.value)


def test_folder_names(tmp_path: Path) -> None:
    with toy_installed(tmp_path / "one") as folder:
        assert baseline_folders()["toy-paint"] == folder
        write_toy(tmp_path / "two")
        (tmp_path / "two" / "toy_paint").rename(tmp_path / "one" / "toy-paint")
        with pytest.raises(UserError, match="cannot be imported under this name"):
            baseline_folders()
    with toy_installed(tmp_path / "three"), toy_installed(tmp_path / "four"):
        with pytest.raises(UserError, match="two folders of one method") as caught:
            baseline_folders()
        assert str(tmp_path / "three") in str(caught.value)


def test_settings_file_with_settings_of_no_kind(toy: Path, tmp_path: Path) -> None:
    """Metadata of a hostile file: a method's name over many lines is one line, cut short."""
    told = {"kind": KIND, "method": "a\nb" * 999, "settings": {}}
    save_safetensors({"G/x": torch.zeros(1)}, tmp_path / "w.safetensors", told)
    with pytest.raises(UserError, match="holds weights of 'a b") as caught:
        METHODS.get("toy-paint")(weights=tmp_path / "w.safetensors")
    assert len(str(caught.value)) < 600


def test_numbers_too_large_for_floats() -> None:
    kind = baseline_class("pg2").Settings
    values = json.loads('{"side": 64, "steps": 1, "batch": 1, "rate": 1' + "0" * 400 + "}")
    with pytest.raises(UserError, match=r"field 'rate'.*expected a number"):
        from_plain(kind, values, "here")
    assert np.isfinite(from_plain(kind, {**values, "rate": 2}, "here").rate)  # type: ignore[attr-defined]
