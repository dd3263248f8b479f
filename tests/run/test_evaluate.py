"""``iper_bench.evaluate``: values, coverage, what is taken and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import iper_bench
from iper_bench.averages import averaged
from iper_bench.data.image_io import encode_png
from iper_bench.errors import UserError
from iper_bench.metrics.cropping import resize_pil
from iper_bench.metrics.psnr import psnr
from iper_bench.metrics.scores import MetricValue, SetFeatures
from iper_bench.metrics.ssim import ssim
from iper_bench.run.gaps import NO_NEIGHBOURS, Gaps
from iper_bench.store.intervals import bootstrap_interval
from tests.run.drawn_clips import Frames, noisy, wanderer

SIDE = 48
BOX = [8.0, 4.0, 40.0, 44.0]


@pytest.fixture(scope="module")
def truths() -> Frames:
    return wanderer(6, side=SIDE)


@pytest.fixture(scope="module")
def ours(truths: Frames) -> Frames:
    return noisy(truths, 6.0)


def write(folder: Path, frames: Frames, first: int = 0) -> Path:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=first):
        (folder / f"{number:03d}.png").write_bytes(encode_png(frame))
    return folder


def value(table: Any, metric: str, clip: str = "*", column: str = "value") -> Any:
    (found,) = table[(table["metric"] == metric) & (table["clip"] == clip)][column]
    return found


def test_importing_the_package_stays_cheap() -> None:
    code = (
        "import sys, iper_bench; assert 'evaluate' in iper_bench.__all__\n"
        "print([name for name in ('torch', 'numpy', 'pandas', 'click') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        iper_bench.evaluat  # noqa: B018


def test_values_are_those_of_the_functions(ours: Frames, truths: Frames) -> None:
    table = iper_bench.evaluate(ours, truths, metrics=["PSNR", "SSIM"])
    for name, function in (("PSNR", psnr), ("SSIM", ssim)):
        known = math.fsum(function(p, t) for p, t in zip(ours, truths, strict=True)) / len(ours)
        assert value(table, name) == value(table, name, "clip") == pytest.approx(known, abs=1e-12)
    assert list(table["count"]) == list(table["total"]) == [6] * 4
    assert set(table.attrs["passports"]) == set(table.passport)
    assert (
        table.attrs["passports"][value(table, "SSIM", column="passport")]["choices"]["window"]
        == "gaussian-11"
    )
    assert table.reason.isna().all()
    assert table.note.isna().all()


def test_every_form_of_the_same_frames_gives_the_same_values(
    ours: Frames, truths: Frames, tmp_path: Path
) -> None:
    known = value(iper_bench.evaluate(ours, truths, metrics="PSNR"), "PSNR")
    last = torch.from_numpy(ours).permute(0, 3, 1, 2)
    folders = write(tmp_path / "a", ours), write(tmp_path / "b", truths)
    unit, signed = ours.astype(np.float64) / 255, truths.astype(np.float64) / 127.5 - 1
    for mine, its, options in (
        (torch.from_numpy(ours), torch.from_numpy(truths), {}),
        (last, truths, {}),
        (last.numpy(), truths, {}),
        (folders[0], folders[1], {}),
        (str(folders[0]), truths, {}),
        ({"x": ours}, {"x": folders[1]}, {}),
        (unit, truths / 255.0, {"value_range": (0, 1)}),
        (ours.astype(np.float32) / 127.5 - 1, signed, {"value_range": (-1, 1)}),
    ):
        assert value(iper_bench.evaluate(mine, its, metrics="PSNR", **options), "PSNR") == known


def test_clips_and_their_interval(ours: Frames, truths: Frames) -> None:
    sides = {"a": ours, "b": ours[:4]}, {"a": truths, "b": truths[2:]}
    table = iper_bench.evaluate(*sides, metrics="PSNR")
    means = np.array([value(table, "PSNR", clip) for clip in "ab"])
    assert value(table, "PSNR") == pytest.approx(means.mean(), abs=1e-12)
    interval = value(table, "PSNR", column="low"), value(table, "PSNR", column="high")
    assert interval == bootstrap_interval(means)
    alone = iper_bench.evaluate(*sides, metrics="PSNR", clips=["b"])
    assert list(alone["clip"]) == ["b", "*"]
    assert value(alone, "PSNR", "b") == means[1]


def test_rows_per_frame(ours: Frames, truths: Frames) -> None:
    table = iper_bench.evaluate(ours, truths, metrics="PSNR", per_frame=True)
    assert list(table.frame) == list(range(6))
    assert list(table.value) == [psnr(p, t) for p, t in zip(ours, truths, strict=True)]


def test_sets_and_boxes(ours: Frames, truths: Frames) -> None:
    """The whole set over several clips, and that a body metric without boxes says so."""
    boxes = np.tile(np.array(BOX), (6, 1))
    sides = {"a": ours, "b": truths[:3]}, {"a": truths, "b": ours[:2]}
    options: dict[str, Any] = {"metrics": ["FID", "Body-CS"], "setting": "cross"}
    table = iper_bench.evaluate(*sides, **options)
    assert value(table, "FID", column="count") == 9
    assert "9 predictions, 8 references" in value(table, "FID", column="note")
    assert "no body boxes were given" in value(table, "Body-CS", "a", "reason")
    table = iper_bench.evaluate(
        *sides,
        **options,
        boxes={"a": boxes, "b": boxes[:3]},
        reference_boxes={"a": boxes, "b": boxes[:2]},
    )
    assert -1 <= value(table, "Body-CS") <= 1
    assert value(table, "Body-CS", "b", "detections_both") == 2
    one = iper_bench.evaluate(ours, ours, metrics="Body-CS", boxes=boxes)  # of both sides
    assert value(one, "Body-CS") == pytest.approx(1.0, abs=1e-6)


def test_one_frame_gives_no_distance_of_sets(ours: Frames, truths: Frames) -> None:
    table = iper_bench.evaluate(ours[:1], truths[:1], metrics=["FID", "KID", "FID/infinity"], setting="cross")
    assert table.value.isna().all()
    assert table.reason.notna().all()
    assert value(iper_bench.evaluate(ours[:1], truths[:1], metrics="tLPIPS"), "tLPIPS", "clip", "reason")


def test_neither_batches_nor_workers_change_a_value(
    ours: Frames, truths: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPER_BENCH_CACHE_GB", "0")  # otherwise the second one reads what the first one wrote
    folders = write(tmp_path / "a", ours), write(tmp_path / "b", truths)
    (folders[0] / "002.png").write_bytes(b"")
    for setting, metrics in (("self", ["PSNR", "LPIPS", "tLPIPS"]), ("cross", ["FID", "tLPIPS"])):
        tables = [
            iper_bench.evaluate(*folders, metrics=metrics, setting=setting, batch_size=batch, num_workers=n)
            for batch, n in ((16, 0), (1, 1), (4, 3))
        ]
        for table in tables[1:]:
            assert table.equals(tables[0])


# ---------------------------------------------------------------------------------- frames that are bad


def _cut(frame: Any) -> bytes:
    return encode_png(frame)[:400]


def _saved(image: Image.Image, form: str = "PNG") -> bytes:
    import io

    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


#: a PNG of 0 x 0 pixels: signature and header
NO_PIXELS = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d4948445200000000000000000802000000b4e9eb45")


def _transparent(frame: Any) -> bytes:
    image = Image.fromarray(frame).convert("RGBA")
    image.putalpha(100)
    return _saved(image)


BAD = {
    "no picture": (lambda frame: b"nothing", "not a picture"),
    "cut": (_cut, "cut"),
    "empty": (lambda frame: b"", "an empty file"),
    "16 bits": (lambda frame: _saved(Image.fromarray(frame[..., 0].astype(np.uint16) * 257)), "16 bits"),
    "transparent": (_transparent, "transparent"),
    "no pixels": (lambda frame: NO_PIXELS, "not a picture"),
    "CMYK": (lambda frame: _saved(Image.fromarray(frame).convert("CMYK"), "JPEG"), "CMYK"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("side", ["predictions", "references"])
def test_a_bad_frame_is_left_out_of_both_sides_and_named(
    kind: str, side: str, ours: Frames, truths: Frames, tmp_path: Path
) -> None:
    content, reason = BAD[kind]
    folders = write(tmp_path / "predictions", ours), write(tmp_path / "references", truths)
    bad = tmp_path / side / "002.png"
    bad.write_bytes(content((ours if side == "predictions" else truths)[2]))
    table = iper_bench.evaluate(*folders, metrics="PSNR")
    kept = [0, 1, 3, 4, 5]
    known = math.fsum(psnr(ours[k], truths[k]) for k in kept) / 5
    assert value(table, "PSNR") == pytest.approx(known, abs=1e-12)
    assert (value(table, "PSNR", column="count"), value(table, "PSNR", column="total")) == (5, 6)
    note = value(table, "PSNR", "predictions", "note")
    assert "1 of 6 frames left out: 002.png: " in note
    assert reason in note
    frames = iper_bench.evaluate(*folders, metrics="PSNR", per_frame=True)
    assert list(frames.frame) == list(range(6))
    assert [at for at, missing in enumerate(frames.value.isna()) if missing] == [2]
    assert reason in frames.reason[2]


def test_palette_and_grey_are_read_exactly(truths: Frames, tmp_path: Path) -> None:
    folders = write(tmp_path / "a", truths), write(tmp_path / "b", truths)
    grey = np.repeat(truths[1][..., :1], 3, axis=2)
    (folders[0] / "001.png").write_bytes(_saved(Image.fromarray(truths[1][..., 0])))
    (folders[1] / "001.png").write_bytes(encode_png(grey))
    few = (truths[2] // 64) * 64
    (folders[0] / "002.png").write_bytes(
        _saved(Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE))
    )
    table = iper_bench.evaluate(*folders, metrics=["SSIM", "PSNR"], per_frame=True)
    values = list(table[table.metric == "SSIM"].value)
    assert [values[k] for k in (0, 1, 3, 4, 5)] == [1.0] * 5
    assert 0 < values[2] < 1


def test_all_frames_bad_is_a_reason(truths: Frames, tmp_path: Path) -> None:
    folders = write(tmp_path / "a", truths[:2]), write(tmp_path / "b", truths[:2])
    for file in folders[0].iterdir():
        file.write_bytes(b"")
    for setting, metric in (("self", "PSNR"), ("cross", "FID")):
        table = iper_bench.evaluate(*folders, metrics=metric, setting=setting)
        assert table.value.isna().all()
        assert list(table.total) == [2] * len(table)
        assert "left out" in table.reason.iloc[-1]


def test_a_bad_real_frame_takes_its_prediction_with_it(ours: Frames, truths: Frames, tmp_path: Path) -> None:
    """In cross-imitation frame k is paired with real frame k, whatever is left out before."""
    boxes = np.tile(np.array(BOX), (6, 1))
    folder = write(tmp_path / "real", truths)
    options: dict[str, Any] = {"metrics": "Body-CS", "setting": "cross"}
    whole = iper_bench.evaluate(ours, folder, boxes=boxes, reference_boxes=boxes, per_frame=True, **options)
    (folder / "001.png").write_bytes(b"")
    table = iper_bench.evaluate(ours, folder, boxes=boxes, reference_boxes=boxes, per_frame=True, **options)
    assert math.isnan(table.value[1])
    assert [v for k, v in enumerate(table.value) if k != 1] == [
        v for k, v in enumerate(whole.value) if k != 1
    ]


def test_flicker_is_not_measured_over_a_gap(ours: Frames, truths: Frames, tmp_path: Path) -> None:
    folder = write(tmp_path / "a", ours)
    names = ["tLPIPS", "tLPIPS/ratio"]
    whole = iper_bench.evaluate(folder, truths, metrics=names, per_frame=True)
    (folder / "002.png").write_bytes(b"")
    table = iper_bench.evaluate(folder, truths, metrics=names, per_frame=True)
    missing = [k for k, gone in enumerate(table.value.isna()) if gone]
    assert missing == [0, 2, 3]
    kept = [1, 4, 5]
    assert [table.value[k] for k in kept] == [whole.value[k] for k in kept]
    means = iper_bench.evaluate(folder, truths, metrics=names)
    assert value(means, "tLPIPS") == pytest.approx(np.mean([whole.value[k] for k in kept]), abs=1e-12)
    assert (value(means, "tLPIPS", column="count"), value(means, "tLPIPS", column="total")) == (3, 6)
    assert NO_NEIGHBOURS in value(means, "tLPIPS/ratio", column="reason")


def test_batches_are_those_of_all_frames() -> None:
    """Leaving a frame out moves no other frame into another batch of the paper's evaluator."""
    values: list[float | None] = [float(k * k) for k in range(40)]
    kept = tuple(k for k in range(40) if k not in (3, 17))
    measured = [values[k] for k in kept]
    for rule in ("frames", "batches-16", "batches-16-zero"):
        one = MetricValue("p", "M", averaged(measured, rule), None, 38, 38, measured, None, "d", average=rule)
        stored = {"kind": "psnr", "choices": {"average": rule}}
        found = Gaps(kept, kept, 40, 40, "two left out").applied(one, stored)
        expected = [None if k in (3, 17) else values[k] for k in range(40)]
        assert found.per_frame == expected
        assert found.value == averaged(expected, rule)
        assert (found.count, found.total, found.note) == (38, 40, "two left out")
        assert Gaps(kept, kept, 38, 38, None).applied(one, stored) is one


def test_totals_of_features_count_what_was_left_out() -> None:
    held = SetFeatures(np.zeros((3, 2), np.float32), np.zeros((2, 2), np.float32), 3, 2)
    found = Gaps((0, 1, 3), (0, 1), 5, 3, "x").counted(held)
    assert (found.prediction_total, found.reference_total) == (5, 3)


# ---------------------------------------------------------------------------------- what is refused


def test_different_sizes_name_the_frame_unless_resized(ours: Frames, truths: Frames, tmp_path: Path) -> None:
    small = np.stack([resize_pil(frame, 32, 40) for frame in truths])
    with pytest.raises(UserError, match=r"frame 0: 48x48 pixels.*expected 32x40 as its truth; try: --resize"):
        iper_bench.evaluate(ours, small, metrics="PSNR")
    folder = write(tmp_path / "a", ours)
    (folder / "004.png").write_bytes(encode_png(ours[4][:40]))
    for setting, metric in (("self", "PSNR"), ("cross", "FID")):
        with pytest.raises(UserError, match=r"004\.png: 40x48 pixels.*expected 48x48"):
            iper_bench.evaluate(folder, truths, metrics=metric, setting=setting)
    table = iper_bench.evaluate(ours, small, metrics="PSNR", resize=np.array([24, 36]))
    sides = [[resize_pil(frame, 24, 36, bicubic=True) for frame in frames] for frames in (ours, small)]
    known = math.fsum(psnr(p, t) for p, t in zip(*sides, strict=True)) / 6
    assert value(table, "PSNR") == pytest.approx(known, abs=1e-12)
    assert set(table.resized) == {"24x36"}
    plain = iper_bench.evaluate(ours, ours, metrics="SSIM")
    other = iper_bench.evaluate(ours, ours, metrics="SSIM", resize=(24, 36))
    passports = {value(one, "SSIM", column="passport") for one in (plain, other)}
    assert len(passports) == 2
    assert "bicubic" in other.attrs["passports"][value(other, "SSIM", column="passport")]["words"]["resized"]


def test_boxes_go_with_resized_frames(ours: Frames) -> None:
    """A box is scaled with its frame: twice the size, twice the box."""
    large = np.repeat(np.repeat(ours, 2, axis=1), 2, axis=2)
    boxes = np.tile(np.array(BOX), (6, 1))
    options: dict[str, Any] = {"metrics": "Body-CS", "resize": (SIDE, SIDE)}
    known = iper_bench.evaluate(large, ours, boxes=2 * boxes, reference_boxes=boxes, **options)
    wrong = iper_bench.evaluate(large, ours, boxes=boxes, reference_boxes=boxes, **options)
    assert value(known, "Body-CS") > 0.9 > value(wrong, "Body-CS")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"metrics": "PNSR"}, "unknown metric 'PNSR'.*did you mean PSNR"),
        ({"profile": "ofline"}, "unknown profile 'ofline'.*did you mean offline"),
        ({"profile": ("offline", "offline")}, "different names"),
        ({"metrics": []}, "no metric is named"),
        ({"metrics": [1]}, "metrics: found 1; expected names"),
        ({"metrics": "FID"}, "FID is not measured in the setting self"),
        ({"setting": "slef"}, "did you mean self"),
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"clips": ["x"]}, "unknown clip 'x'"),
        ({"resize": (0, 4)}, "resize: found"),
        ({"resize": (4,)}, "resize: found"),
        ({"resize": 24}, "resize: found 24"),
        ({"resize": "24x24"}, "resize: found"),
        ({"resize": (24, 9000)}, "1 to 8192 pixels"),
        ({"resize": (24, 2.5)}, "resize: found 2.5"),
        ({"metrics": 3}, "metrics: found 3; expected names"),
        ({"clips": 3}, "clips: found 3; expected names"),
        ({"profile": ()}, "profiles are none"),
        ({"numbering": "frame"}, "did you mean frames"),
        ({"num_workers": -1}, "num_workers: found -1"),
        ({"num_workers": 1.5}, "num_workers: found 1.5"),
        ({"weights_dir": 3}, "weights_dir: found 3"),
        ({"value_range": "01"}, "value_range: found '01'"),
        ({"value_range": 1}, r"value_range: found 1; expected \(black, white\)"),
        ({"person_detector": "fasterrcn"}, "did you mean fasterrcnn"),
        ({"boxes": np.zeros((5, 4))}, r"boxes: shape \(5, 4\); expected \(6, 4\)"),
        ({"boxes": np.full((6, 4), np.inf)}, "row 0 is infinite"),
        ({"boxes": {"other": np.zeros((6, 4))}}, "no boxes of clip 'clip'"),
        ({"boxes": "nowhere.csv"}, "nowhere.csv: no such file"),
        ({"weights_dir": "/nowhere"}, "/nowhere"),
        ({"batch_size": 0}, "batch_size: found 0"),
        ({"batch_size": "x"}, "batch_size: found 'x'"),
        ({"value_range": (0, 1)}, "uint8 with value_range"),
    ],
)
def test_options_that_are_not_understood(
    changed: dict[str, Any], words: str, ours: Frames, truths: Frames
) -> None:
    with pytest.raises(UserError, match=words) as error:
        iper_bench.evaluate(ours, truths, **{"metrics": "PSNR", **changed})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda f: f.astype(np.float32), {}, "predictions: dtype float32 without value_range"),
        (lambda f: f / 255.0 * np.nan, {"value_range": (0, 1)}, "predictions: frame 0 holds nan"),
        (lambda f: f / 200.0, {"value_range": (0, 1)}, "predictions: frame 0 holds values from"),
        (lambda f: f[..., 0], {}, "shape"),
        (lambda f: f[:0], {}, "at least one frame"),
        (lambda f: f[:, :0], {}, "at least one frame of one pixel"),
        (lambda f: f.astype(np.int32), {}, "dtype int32"),
        (lambda f: f[:4], {}, "2 of 6 frames are missing: 4, 5; .*partial=True"),
        (lambda f: np.concatenate([f, f[:1]]), {}, "1 frames that nobody asked for: 6"),
        (lambda f: list(f), {}, "found list"),
        (lambda f: f[:, :3, :3], {}, r"can be \(N, H, W, 3\) or \(N, 3, H, W\)"),
        (lambda f: {}, {}, "no name|0 clips"),
        (lambda f: {"a": f}, {}, "one clip without a name"),
        (lambda f: "", {}, "an empty path"),
        (lambda f: "/nowhere", {}, "/nowhere: no such file or folder"),
    ],
)
def test_predictions_that_are_not_understood(
    change: Any, options: dict[str, Any], words: str, ours: Frames, truths: Frames
) -> None:
    its = truths / 255.0 if options else truths
    with pytest.raises(UserError, match=words) as error:
        iper_bench.evaluate(change(ours), its, metrics="PSNR", **options)
    assert "\n" not in str(error.value)


def test_clips_that_do_not_fit(ours: Frames, truths: Frames) -> None:
    theirs = {"one": truths, "two": truths}
    for mine, words in (
        ({"one": ours}, "1 of 2 clips are missing: two"),
        ({"one": ours, "two": ours, "tree": ours}, "unknown clip 'tree'"),
        ({"tree": ours}, "unknown clip 'tree'"),
        (ours, "the frames of one clip, but 2 clips are expected"),
    ):
        with pytest.raises(UserError, match=words):
            iper_bench.evaluate(mine, theirs, metrics="PSNR")
    with pytest.raises(UserError, match="none of the 2 clips is here, but tree"):
        iper_bench.evaluate({"tree": ours}, theirs, metrics="PSNR", partial=True)
    with pytest.raises(UserError, match="a clip called 3"):
        iper_bench.evaluate({3: ours}, {3: truths}, metrics="PSNR")


def test_partial_shows_in_coverage(ours: Frames, truths: Frames) -> None:
    theirs = {"one": truths, "two": truths}
    table = iper_bench.evaluate({"one": ours[:4]}, theirs, metrics="PSNR", partial=True)
    assert (value(table, "PSNR", "one", "count"), value(table, "PSNR", "one", "total")) == (4, 6)
    assert "frame 4: not handed in" in value(table, "PSNR", "one", "note")
    assert value(table, "PSNR", "two", "reason").endswith("no predictions of this clip")
    assert (value(table, "PSNR", column="count"), value(table, "PSNR", column="total")) == (4, 12)
    assert value(table, "PSNR") == value(table, "PSNR", "one")
    sets = iper_bench.evaluate({"one": ours}, theirs, metrics="FID", setting="cross", partial=True)
    assert "6 predictions, 6 references" in value(sets, "FID", column="note")
    assert "1 of 2 clips without predictions" in value(sets, "FID", column="note")


def test_set_metrics_without_weights_are_missing_with_a_reason(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    table = iper_bench.evaluate(
        frames, frames[::-1], metrics=["FID"], profile="standard", setting="cross", weights_dir=tmp_path
    )
    assert list(table["metric"]) == ["FID"]
    assert table["value"].isna().all()
    assert "inception" in table["reason"][0]
