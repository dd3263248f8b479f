"""Seven warping strategies (Impersonator++, section 5.3) trained with one budget and one set of seeds, on the
embedded dataset.

    python benchmarks/warping_strategies.py --out runs/strategies
    python benchmarks/warping_strategies.py --out runs/strategies --train-only

Trains what is missing, scores what is not scored yet, and prints held-out PSNR, SSIM and LPIPS in
self-imitation: for every number of sources, and with and without personalization; mean over the seeds, and
the largest distance of a seed from it. LPIPS is that of the profile ``offline`` and not comparable with the
paper's. Writes ``scores.json`` and ``strategies.png`` (truth and predictions of one frame per clip).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from iper_bench.atomic import write_bytes, write_json
from iper_bench.data.clip import Images
from iper_bench.data.dataset import DATASETS
from iper_bench.data.image_io import encode_png
from iper_bench.lwg.strategy import WARPING_STRATEGIES, TrainedMethod
from iper_bench.methods.method import METHODS, Method, Targets
from iper_bench.metrics.ssim import ssim
from iper_bench.protocol.load import load_protocol
from iper_bench.protocol.trials import build_trials
from iper_bench.run.material import Material
from iper_bench.run.pair_scores import PairScores
from iper_bench.training.method_settings import settings_for
from iper_bench.training.presets import preset
from iper_bench.training.samples import Sampler
from iper_bench.training.train import WEIGHTS_FILE, TrainRequest, background_pool, sampler_for, train

SOURCES = (1, 2, 4, 8)
METRICS = ("PSNR", "SSIM", "LPIPS")
REFERENCES = ("copy-source", "warp")


@dataclass(frozen=True)
class Held:
    """Held-out trials: ``materials`` by sn, and every how many frames are scored."""

    materials: dict[int, list[Material]]
    every: int

    def pairs(self, method: Method, sn: int, steps: int, seed: int) -> Iterator[tuple[Images, Images]]:
        """Predictions and truths (N, H, W, 3) of every trial."""
        for material in self.materials[sn]:
            rows = range(0, len(material.trial.target_frames), self.every)
            track = material.targets.track.take(list(rows))
            subject = method.personalize(material.sources, steps=steps, seed=seed)
            made = np.concatenate(list(subject.render(Targets(track, same_person=True))))
            frames = [(material.trial.truth_frames or ())[row] for row in rows]
            yield made, material.target_clip.frames(frames)


def train_all(out: Path, preset_name: str, seeds: Sequence[int], steps: int | None) -> None:
    """Train every strategy with every seed; the clips are prepared once, which no result depends on."""
    settings = preset(preset_name)
    dataset = DATASETS.get("synthetic")(root=None, size=settings.size)
    shared: Sampler | None = None
    for seed in seeds:
        for method in WARPING_STRATEGIES:
            folder = out / f"{method}-{seed}"
            if (folder / WEIGHTS_FILE).is_file():
                continue
            own = settings_for(settings, TrainedMethod(method))
            if shared is None:
                shared = sampler_for(dataset, own, settings.size, seed)
            pool = background_pool(settings.size, seed) if own.auxiliary_backgrounds else None
            request = TrainRequest(method, "synthetic", preset_name, folder, steps=steps, seed=seed)
            print(train(request, shared.reseeded(seed, pool)), flush=True)


def held_out(size: int, clips: int, every: int) -> Held:
    """The first self-imitation trials of the dataset's protocol."""
    dataset = DATASETS.get("synthetic")(root=None, size=size)
    protocol = load_protocol("synthetic-imitation")
    trials = [each for each in build_trials(protocol, dataset) if each.setting == "self"][:clips]
    return Held({sn: [Material(dataset, trial, sn) for trial in trials] for sn in SOURCES}, every)


def score_all(out: Path, held: Held, seeds: Sequence[int], steps: int) -> dict[str, dict[str, float]]:
    """Scores by ``method/seed/sn/T``; what ``scores.json`` holds is not computed again."""
    path = out / "scores.json"
    scores: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.is_file() else {}
    judge = PairScores("offline")
    grid = [(sn, 0) for sn in SOURCES] + [(2, steps)]
    for seed in seeds:
        for name in WARPING_STRATEGIES:
            method = METHODS.get(name)(weights=out / f"{name}-{seed}" / WEIGHTS_FILE)
            for sn, done in grid:
                key = f"{name}/{seed}/{sn}/{done}"
                if key not in scores:
                    scores[key] = score(held.pairs(method, sn, done, seed), judge)
                    write_json(path, scores)
                    print(key, scores[key], flush=True)
    for name in REFERENCES:
        for sn in SOURCES:
            key = f"{name}/0/{sn}/0"
            if key not in scores:
                scores[key] = score(held.pairs(METHODS.get(name)(), sn, 0, 0), judge)
                write_json(path, scores)
    return scores


def score(pairs: Iterator[tuple[Images, Images]], judge: PairScores) -> dict[str, float]:
    """Means over clips of means over frames."""
    rows = []
    for made, truth in pairs:
        similar = float(np.mean([ssim(m, t) for m, t in zip(made, truth, strict=True)]))
        rows.append({**judge(made, truth), "SSIM": similar})
    return {metric: round(float(np.mean([row[metric] for row in rows])), 4) for metric in METRICS}


def show(scores: dict[str, dict[str, float]], seeds: Sequence[int], steps: int) -> None:
    """Print the two tables."""
    print("\nT = 0      " + "".join(f"{f'sn = {sn}':>30}" for sn in SOURCES))
    print("           " + f"{'PSNR      SSIM     LPIPS':>30}" * len(SOURCES))
    for name in WARPING_STRATEGIES:
        print(f"{name:13}" + "".join(cell(scores, name, seeds, sn, 0) for sn in SOURCES))
    for name in REFERENCES:
        print(f"{name:13}" + "".join(cell(scores, name, [0], sn, 0) for sn in SOURCES))
    print(f"\nsn = 2      {'T = 0':>30}{f'T = {steps}':>30}")
    for name in WARPING_STRATEGIES:
        print(f"{name:13}" + "".join(cell(scores, name, seeds, 2, done) for done in (0, steps)))


def cell(scores: dict[str, dict[str, float]], name: str, seeds: Sequence[int], sn: int, steps: int) -> str:
    """Mean over seeds, for PSNR with the largest distance from it."""
    rows = [scores[f"{name}/{seed}/{sn}/{steps}"] for seed in seeds]
    means = {metric: float(np.mean([row[metric] for row in rows])) for metric in METRICS}
    spread = max(abs(row["PSNR"] - means["PSNR"]) for row in rows)
    return f"{means['PSNR']:8.2f} ±{spread:4.2f} {means['SSIM']:7.3f} {means['LPIPS']:7.3f}"


def picture(out: Path, held: Held, steps: int) -> None:
    """One frame per clip: truth, references, every strategy with seed 0, the same personalized."""
    columns: list[list[Images]] = []
    for done in (0, steps):
        for name in (*REFERENCES, *WARPING_STRATEGIES) if done == 0 else WARPING_STRATEGIES:
            weights = {} if name in REFERENCES else {"weights": out / f"{name}-0" / WEIGHTS_FILE}
            pairs = list(held.pairs(METHODS.get(name)(**weights), 2, done, 0))
            middle = [len(made) // 2 for made, _ in pairs]
            if not columns:
                columns.append([truth[k] for k, (_, truth) in zip(middle, pairs, strict=True)])
            columns.append([made[k] for k, (made, _) in zip(middle, pairs, strict=True)])
    grid = np.hstack([np.vstack(column) for column in columns])
    write_bytes(out / "strategies.png", encode_png(grid))


def main() -> None:
    """Parse, train, score, print."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--steps", type=int, help="training steps, by default the preset's")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--every", type=int, default=4, help="score every N-th frame")
    parser.add_argument("--personalize", type=int, default=50, metavar="T")
    parser.add_argument("--train-only", action="store_true")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    torch.set_num_threads(1)
    train_all(options.out, options.preset, seeds, options.steps)
    if options.train_only:
        return
    held = held_out(preset(options.preset).size, options.clips, options.every)
    scores = score_all(options.out, held, seeds, options.personalize)
    show(scores, seeds, options.personalize)
    picture(options.out, held, options.personalize)


if __name__ == "__main__":
    main()
