"""The metrics of `standard` in one pass against the same metrics from single packages, one after the other.

    python benchmarks/metrics.py [--pairs 100] [--side 256] [--without body,face,sets] [--threads N]
                                 [--device cpu|cuda] [--ours-only]

* one by one: PSNR, SSIM, FID and KID of torchmetrics, LPIPS of lpips, Face-CS and Face-FD with MTCNN and
  InceptionResnetV1 of facenet-pytorch, Body-CS and Body-FD with torchvision's Faster R-CNN and OSNet; each
  metric is given the frames and does all its own work, as a user would call them who has no shared pass;
* ours: ``MetricSuite`` with the profile `standard`, the same nine metrics, nothing cached;
* again: the same predictions, references from the disk cache; other: other predictions, references from the
  disk cache.

All networks have seeded weights (``iper_bench/metrics/golden/seeded_bench.py``; MTCNN's are real), the same
on both sides, so that values can be compared: they agree up to known differences, which are printed. Both
sides run in one process one after the other, so that the ratio holds on a busy machine. Needs torchmetrics.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from PIL import Image

from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.scene import build_scene
from iper_bench.metrics import cropping, feature_meters, perceptual, reading
from iper_bench.metrics.backbones import facenet, inception, lpips_trunks, osnet, person_detector
from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.feature_cache import FeatureCache
from iper_bench.metrics.golden.defects import DEFECTS
from iper_bench.metrics.golden.seeded_bench import SeededBench
from iper_bench.metrics.pair_meters import PixelMeter
from iper_bench.metrics.suite import FrameSet, MetricSuite

SELF = ("PSNR", "SSIM", "LPIPS", "Body-CS/detected", "Face-CS/detected")
CROSS = ("FID", "KID", "Body-FD", "Face-FD")
GROUPS = {
    "body": ("Body-CS/detected", "Body-FD"),
    "face": ("Face-CS/detected", "Face-FD"),
    "sets": ("FID", "KID"),
}
KNOWN = {
    "PSNR": "torchmetrics pools the squared errors of a call; called per frame here",
    "SSIM": "torchmetrics counts the reflected border, up to 0.006",
    "FID": "exact against eigenvalues in float64",
    "KID": "other random subsets of all frames",
}
WANTED, WANTED_AGAIN = 3.0, 2.0  # ratios
KID_SUBSETS = 100

Frames = np.ndarray


@dataclass
class Clock:
    """Seconds by stage; a stage inside another is taken off the outer one."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _inner: list[float] = field(default_factory=list)

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added to a stage."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*arguments, **named)
            finally:
                spent = time.perf_counter() - start
                inner = self._inner.pop()
                self.seconds[stage] += spent - inner
                if self._inner:
                    self._inner[-1] += spent

        return wrapped

    def table(self, total: float) -> Iterator[str]:
        """Stages by time, and what no stage covers."""
        rows = [*self.seconds.items(), ("everything else", total - sum(self.seconds.values()))]
        for stage, spent in sorted(rows, key=lambda row: -row[1]):
            yield f"    {stage:<34} {spent:8.2f} s  {spent / total:5.1%}"


@contextmanager
def instrumented(clock: Clock) -> Iterator[None]:
    """Stages of ours, by wrapping the functions that do the work."""
    from iper_bench.metrics.face_detector import FaceDetector

    places: list[tuple[Any, str, str | None]] = [
        (FaceDetector, "largest", "search faces (MTCNN)"),
        (person_detector.PersonDetector, "largest", "search bodies (Faster R-CNN)"),
        (perceptual.Perceptual, "distance", "LPIPS distance"),
        (perceptual, "unit_maps", "LPIPS unit maps"),
        (PixelMeter, "pairs", "PSNR and SSIM"),
        (feature_meters, "set_value", "distances of sets"),
        (reading, "frame_digest", "hash frames"),
        (FeatureCache, "get", "cache: read"),
        (FeatureCache, "put", "cache: write"),
        (cropping, "resize_pil", "resize (PIL)"),
        (Network, "features_of_inputs", None),
    ]
    held = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, stage in places:
        if stage is not None:
            setattr(owner, name, clock.timed(stage, getattr(owner, name)))
    forward = Network.features_of_inputs

    def by_network(self: Network, inputs: Any) -> Any:
        return clock.timed(f"network {self.identity.name}", forward)(self, inputs)

    Network.features_of_inputs = by_network  # type: ignore[method-assign]
    try:
        yield
    finally:
        for owner, name, original in held:
            setattr(owner, name, original)


def make_frames(pairs: int, side: int, *, first_defect: int = 1) -> tuple[Frames, Frames]:
    """Predictions and truths (N, S, S, 3) uint8: frames of the embedded dataset and defects of them."""
    config = SyntheticConfig(size=side)
    truths: list[Frames] = []
    actor = 0
    while len(truths) < pairs:
        scene = build_scene(config, actor, "outfit0", "outfit0")
        count = min(config.frames, pairs - len(truths))
        for start in range(0, count, 16):
            truths.extend(scene.render(start, min(start + 16, count))[0])
        actor += 1
    defects = [DEFECTS[name] for name in ("blur", "shift", "noise", "blocks", "tint", "mirror")]
    made = [defects[(first_defect + k) % len(defects)](truth) for k, truth in enumerate(truths)]
    return np.stack(made), np.stack(truths)


def batch_of(frames: Frames) -> torch.Tensor:
    """uint8 (N, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))


class OneByOne:
    """Each metric from its package. Methods take predictions and truths and return a number."""

    def __init__(self, bench: SeededBench, device: torch.device) -> None:
        self._device = device
        self._bench = bench

    def _state(self, identity: Any, without: str = "") -> dict[str, torch.Tensor]:
        return torch.load(self._bench.weights(identity).path, weights_only=True)

    def load(self) -> None:
        """Networks with their weights; not counted on either side."""
        import lpips
        from facenet_pytorch import MTCNN, InceptionResnetV1
        from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2

        alex = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        trunk = self._state(lpips_trunks.TRUNKS["alex"].identity)
        slices = [getattr(alex.net, f"slice{k}") for k in range(1, 6)]
        for part in slices:
            for name, layer in part.named_children():
                if isinstance(layer, torch.nn.Conv2d):
                    layer.weight.data.copy_(trunk[f"features.{name}.weight"])
                    layer.bias.data.copy_(trunk[f"features.{name}.bias"])
        self.lpips = alex.to(self._device).eval()
        self.mtcnn = MTCNN(image_size=160, margin=0, min_face_size=20, device=self._device)
        face = InceptionResnetV1(pretrained=None, classify=True, num_classes=1)
        face.load_state_dict(self._state(facenet.IDENTITY), strict=False)
        face.logits = torch.nn.Identity()
        self.face = face.to(self._device).eval()
        detector = fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
        detector.load_state_dict(self._state(person_detector.IDENTITY))
        self.detector = detector.to(self._device).eval()
        body = osnet.graph(instance_norm=False)
        body.load_state_dict(self._state(osnet.STANDARD_IDENTITY))
        self.body = body.to(self._device).eval()
        graph = inception.fid_graph()
        graph.load_state_dict(self._state(inception.STANDARD_IDENTITY), strict=False)
        self.inception = _CleanInception(graph.to(self._device).eval())

    def PSNR(self, ours: Frames, theirs: Frames) -> float:  # noqa: N802  # named as the metric
        """Mean over frames."""
        from torchmetrics.functional.image import peak_signal_noise_ratio

        pairs = zip(batch_of(ours).to(self._device), batch_of(theirs).to(self._device), strict=True)
        return _mean([peak_signal_noise_ratio(p.float(), t.float(), data_range=255.0) for p, t in pairs])

    def SSIM(self, ours: Frames, theirs: Frames) -> float:  # noqa: N802
        """Mean over frames."""
        from torchmetrics.image import StructuralSimilarityIndexMeasure

        metric = StructuralSimilarityIndexMeasure(data_range=1.0).to(self._device)
        for p, t in _batches(batch_of(ours), batch_of(theirs)):
            metric.update(p.to(self._device) / 255, t.to(self._device) / 255)
        return float(metric.compute())

    def LPIPS(self, ours: Frames, theirs: Frames) -> float:  # noqa: N802
        """Mean over frames."""
        found = []
        with torch.no_grad():
            for p, t in _batches(batch_of(ours), batch_of(theirs)):
                inputs = [x.to(self._device) / 127.5 - 1 for x in (p, t)]
                found.extend(self.lpips(*inputs).flatten())
        return _mean(found)

    def FID(self, ours: Frames, theirs: Frames) -> float:  # noqa: N802
        """torchmetrics' with clean resizing."""
        from torchmetrics.image.fid import FrechetInceptionDistance

        metric = FrechetInceptionDistance(feature=self.inception)
        return self._set_metric(metric, ours, theirs)

    def KID(self, ours: Frames, theirs: Frames) -> float:  # noqa: N802
        """torchmetrics' with clean resizing, subsets of all frames."""
        from torchmetrics.image.kid import KernelInceptionDistance

        metric = KernelInceptionDistance(
            feature=self.inception, subsets=KID_SUBSETS, subset_size=min(len(ours), 1000)
        )
        return self._set_metric(metric, ours, theirs)

    def _set_metric(self, metric: Any, ours: Frames, theirs: Frames) -> float:
        metric = metric.to(self._device)
        with torch.no_grad():
            for p, t in _batches(batch_of(ours), batch_of(theirs)):
                metric.update(p.to(self._device), real=False)
                metric.update(t.to(self._device), real=True)
            value = metric.compute()
        return float(value[0] if isinstance(value, tuple) else value)

    def _face(self, frame: Frames) -> np.ndarray | None:
        boxes, _ = self.mtcnn.detect(Image.fromarray(frame))
        if boxes is None:
            return None
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        x0, y0, x1, y1 = boxes[int(areas.argmax())]
        height, width = frame.shape[:2]
        part = frame[int(max(y0, 0)) : int(min(y1, height)), int(max(x0, 0)) : int(min(x1, width))]
        face = cv2.resize(part, (160, 160), interpolation=cv2.INTER_AREA).astype(np.float32)
        with torch.no_grad():
            inputs = torch.from_numpy((face.transpose(2, 0, 1) - 127.5) / 128)[None].to(self._device)
            return self.face(inputs)[0].cpu().numpy()

    def _body(self, frame: Frames) -> np.ndarray | None:
        from torchvision.transforms.functional import normalize

        with torch.no_grad():
            inputs = torch.from_numpy(frame.transpose(2, 0, 1)).float().to(self._device) / 255
            found = {name: value.cpu().numpy() for name, value in self.detector([inputs])[0].items()}
        boxes = found["boxes"][(found["labels"] == 1) & (found["scores"] >= 0.8)]
        if not len(boxes):
            return None
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        x0, y0, x1, y1 = cropping.enlarged_box(boxes[int(areas.argmax())], *frame.shape[:2])
        crop = Image.fromarray(frame[y0:y1, x0:x1]).resize((128, 256), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.asarray(crop).transpose(2, 0, 1).copy()).float().to(self._device) / 255
        with torch.no_grad():
            inputs = normalize(pixels, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[None]
            return self.body(inputs)[0].cpu().numpy()

    def _similarity(self, embed: Callable[[Frames], Any], ours: Frames, theirs: Frames) -> float:
        found = [(embed(p), embed(t)) for p, t in zip(ours, theirs, strict=True)]
        values = [
            p @ t / np.linalg.norm(p) / np.linalg.norm(t) for p, t in found if p is not None and t is not None
        ]
        return _mean(values)

    def _distance(self, embed: Callable[[Frames], Any], ours: Frames, theirs: Frames) -> float:
        from scipy.linalg import sqrtm

        sides = [[one for one in map(embed, side) if one is not None] for side in (ours, theirs)]
        if min(map(len, sides)) < 2:
            return math.nan
        first, second = (np.stack(side).astype(np.float64) for side in sides)
        spreads = [np.cov(side, rowvar=False) for side in (first, second)]
        root = sqrtm(spreads[0] @ spreads[1]).real
        shift = first.mean(axis=0) - second.mean(axis=0)
        return float(shift @ shift + np.trace(spreads[0] + spreads[1] - 2 * root))


def _one_by_one(theirs: OneByOne) -> dict[str, Callable[[Frames, Frames], float]]:
    return {
        **{name: getattr(theirs, name) for name in ("PSNR", "SSIM", "LPIPS", "FID", "KID")},
        "Body-CS/detected": lambda p, t: theirs._similarity(theirs._body, p, t),
        "Body-FD": lambda p, t: theirs._distance(theirs._body, p, t),
        "Face-CS/detected": lambda p, t: theirs._similarity(theirs._face, p, t),
        "Face-FD": lambda p, t: theirs._distance(theirs._face, p, t),
    }


class _CleanInception(torch.nn.Module):
    """uint8 (B, 3, H, W) to (B, 2048): clean-fid's resize, then the FID graph."""

    num_features = 2048

    def __init__(self, graph: Any) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        resized = []
        for image in images.cpu().numpy():
            planes = [
                np.asarray(
                    Image.fromarray(plane.astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC)
                )
                for plane in image
            ]
            resized.append(np.clip(np.stack(planes), 0, 255))
        inputs = torch.from_numpy(np.stack(resized)).to(images.device)
        return inception.pooled(self.graph, (inputs - 128) / 128)


def _batches(*sides: torch.Tensor, size: int = 16) -> Iterator[tuple[torch.Tensor, ...]]:
    for start in range(0, len(sides[0]), size):
        yield tuple(side[start : start + size] for side in sides)


def _mean(values: list[Any]) -> float:
    return math.fsum(float(value) for value in values) / len(values) if values else math.nan


def ours(
    frames: tuple[Frames, Frames], names: list[str], bench: SeededBench, device: str, cache: FeatureCache
) -> dict[str, float | None]:
    """The nine metrics by one suite: self for the paired ones, cross for the sets."""
    measuring = MetricSuite(["standard"], metrics=names, device=device, cache=cache)
    measuring._bench = bench  # the suite's own would look for real weights
    bench.cache = cache
    predictions, truths = frames
    values = measuring.measure(FrameSet([predictions], truths=[truths]), "self").values
    if any(name in CROSS for name in names):
        unit = measuring.measure(FrameSet([predictions], reals=[truths]), "cross")
        values = [*values, *measuring.pool([unit.features])]
    found = {one.metric: one.value for one in values}
    return {name: found.get(name) for name in names}


def report_values(names: list[str], first: dict[str, Any], second: dict[str, Any]) -> None:
    """Values side by side."""
    for name in names:
        left, right = first[name], second.get(name)
        said = " ".join("-" if value is None else f"{value:14.6f}" for value in (left, right))
        both = left is not None and right is not None
        gap = f"{abs(left - right) / max(abs(right), 1e-12):9.1e}" if both else ""
        print(f"    {name:<18} {said}  {gap}  {KNOWN.get(name, '')}")


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--without", default="", help=f"groups to leave out, of {', '.join(GROUPS)}")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--ours-only", action="store_true")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    warnings.filterwarnings("ignore")
    left_out = {name for group in filter(None, chosen.without.split(",")) for name in GROUPS[group]}
    names = [name for name in (*SELF, *CROSS) if name not in left_out]
    frames = make_frames(chosen.pairs, chosen.side)
    others = make_frames(chosen.pairs, chosen.side, first_defect=3)
    print(
        f"{chosen.pairs} pairs of {chosen.side} px, {chosen.threads} threads, {chosen.device},"
        f" torch {torch.__version__}; {', '.join(names)}"
    )
    with SeededBench(chosen.device) as bench, tempfile.TemporaryDirectory() as folder:
        compare(chosen, names, frames, others, bench, Path(folder))
    return 0


def compare(
    chosen: argparse.Namespace,
    names: list[str],
    frames: tuple[Frames, Frames],
    others: tuple[Frames, Frames],
    bench: SeededBench,
    folder: Path,
) -> None:
    """The runs, in order."""
    one, few = (tuple(side[:count] for side in frames) for count in (1, 2))
    ours(one, names, bench, chosen.device, FeatureCache())  # loads networks, warms caches of kernels
    spent, values = {}, {}
    for label, given, cache in (
        ("ours", frames, disk_cached(folder)),
        ("again", frames, disk_cached(folder)),
        ("other", others, disk_cached(folder)),
    ):
        clock = Clock()
        with instrumented(clock):
            start = time.perf_counter()
            values[label] = ours(given, names, bench, chosen.device, cache)
            spent[label] = time.perf_counter() - start
        rate = 2 * chosen.pairs / spent[label]
        print(f"  {label}: {spent[label]:.2f} s, {rate:.1f} images per second")
        print("\n".join(clock.table(spent[label])))
    for label in ("again", "other"):
        print(f"  ours / {label}: {spent['ours'] / spent[label]:.2f} (wanted: {WANTED_AGAIN})")
    if chosen.ours_only:
        return
    theirs = OneByOne(bench, torch.device(chosen.device))
    theirs.load()
    functions = _one_by_one(theirs)
    for name in names:
        functions[name](*(one if name.startswith("Body") else few))
    total, found = 0.0, {}
    for name in names:
        start = time.perf_counter()
        found[name] = functions[name](*frames)
        seconds = time.perf_counter() - start
        total += seconds
        print(f"    one by one, {name:<18} {seconds:8.2f} s")
    print(f"  one by one: {total:.2f} s; ratio {total / spent['ours']:.2f} (wanted: {WANTED})")
    print("  values: ours, one by one, relative gap")
    report_values(names, values["ours"], found)


class KeptReferences(FeatureCache):
    """Keeps in memory what a disk cache would keep, for installations without one."""

    kept: ClassVar[dict[str, tuple[np.ndarray, ...]]] = {}

    def get(self, key: str) -> tuple[np.ndarray, ...] | None:
        """See :class:`FeatureCache`."""
        return super().get(key) or self.kept.get(key)

    def put(self, key: str, arrays: Sequence[np.ndarray], keep: bool = False) -> None:
        """See :class:`FeatureCache`."""
        super().put(key, arrays, keep=keep)
        if keep:
            self.kept[key] = tuple(arrays)


def disk_cached(folder: Path) -> FeatureCache:
    """A cache with nothing in memory over a folder."""
    if find_spec("iper_bench.metrics.disk_cache") is None:
        print("  no disk cache here: references are kept in memory, so that reading them costs nothing")
        return KeptReferences()
    from iper_bench.metrics.disk_cache import DiskCache

    return FeatureCache(disk=DiskCache(folder, 4 << 30))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
