"""Time and peak memory of one training step, preset by preset.

    python benchmarks/training_step.py [--presets tiny,small,...] [--steps 3] [--limit 120] [--precision no]

Batches hold random images and flows of the preset's size, because a step costs the same whatever it sees;
making batches and the face term are not measured. Every preset runs in a process of its own. The first step,
which also makes the optimiser's state, is not in the mean. Memory is that of the GPU's allocator, or what the
process grew by on a CPU. A preset that takes longer than ``--limit`` seconds or does not fit is named with
the reason.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

DEFAULT = "tiny,tiny-gan,packaged,small,paper-256,paper-512,paper-1024"


def measure(name: str, steps: int, precision: str) -> dict[str, float]:
    """Seconds per step and peak MiB of one preset, in this process."""
    import torch

    from iper_bench.device import compute_device
    from iper_bench.lwg.objective import StepBatch
    from iper_bench.lwg.variant import perceptual_network
    from iper_bench.training.players import Players
    from iper_bench.training.presets import Preset, preset
    from iper_bench.training.team import Team
    from iper_bench.training.train import initial_state

    def random_batch(settings: Preset, seed: int) -> StepBatch:
        rng = torch.Generator().manual_seed(seed)
        bs, ns, nt, s = settings.people, max(settings.source_counts), settings.targets, settings.size
        nb = 2 if settings.auxiliary_backgrounds else 1

        def images(*shape: int) -> torch.Tensor:
            return torch.rand((*shape, s, s), generator=rng) * 2 - 1

        def masks(count: int) -> torch.Tensor:
            return (images(bs, count, 1) > 0).float()

        def boxes(share: int) -> torch.Tensor:
            return torch.tensor([0, s // share, 0, s // share]).expand(bs, nt, 4)

        return StepBatch(
            src_inputs=images(bs, ns, 6),
            bg_inputs=images(bs, nb, 4),
            tsf_inputs=images(bs, nt, 6),
            flows=torch.rand((bs, nt, ns, s, s, 2), generator=rng) * 2 - 1,
            source_images=images(bs, ns, 3),
            source_masks=masks(ns),
            target_images=images(bs, nt, 3),
            target_masks=masks(nt),
            backgrounds=images(bs, nb, 3),
            background_known=masks(nb),
            body_boxes=boxes(1),
            head_boxes=boxes(4),
        )

    device = compute_device()
    settings = replace(preset(name), face="none", face_weight=0.0)
    perceptual = perceptual_network(settings.perceptual, None)
    batch, state = random_batch(settings, 0), initial_state(settings, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    players = Players(state, settings, perceptual, None, Team(device, precision))
    seconds = []
    for step in range(steps + 1):
        started = time.monotonic()
        players.step([batch], step, 1000)  # reads the losses, which waits for the GPU
        seconds.append(time.monotonic() - started)
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    parameters = sum(p.numel() for p in state.generator.parameters())
    return {"seconds": sum(seconds[1:]) / steps, "mebibytes": peak, "millions": parameters / 1e6}


def reported(name: str, options: argparse.Namespace) -> str:
    """One line of the table."""
    arguments = ["--measure", name, "--steps", str(options.steps), "--precision", options.precision]
    try:
        done = subprocess.run(
            [sys.executable, str(Path(__file__)), *arguments],
            capture_output=True,
            text=True,
            timeout=options.limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{name:14s} left out: more than {options.limit:.0f} s for {options.steps + 1} steps"
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]
        return f"{name:14s} left out: {last[:120]}"
    found = json.loads(done.stdout.splitlines()[-1])
    return f"{name:14s} {found['millions']:8.2f} {found['seconds']:10.3f} {found['mebibytes']:10.0f}"


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", default=DEFAULT)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--precision", default="no")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.steps, options.precision)))
        return
    print(f"{'preset':14s} {'M params':>8s} {'s per step':>10s} {'peak MiB':>10s}")
    for name in options.presets.split(","):
        print(reported(name, options), flush=True)


if __name__ == "__main__":
    main()
