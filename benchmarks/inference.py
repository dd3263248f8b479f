"""What one frame costs at inference, against running all streams for every frame and against the official
caching; all in one run, so that the ratios hold on a busy machine.

    python benchmarks/inference.py [--size 256] [--sn 2] [--sources 1,2,4,8] [--sizes 256,512,1024,1920]
                                   [--dtype float32] [--channels-last] [--batches 1,2,4] [--threads 1]

* all streams: background, source and transfer stream for every frame (what ``forward`` of the generator
  does);
* official caching: background and source features are kept, as iPERCore keeps them; the transfer stream
  resizes flows and samples features at all nine fusion points and projects keys and values of every source;
* prepared: what ``LiquidWarpingSubject`` does (``iper_bench/lwg/prepared.py``).

Released widths, random weights, a body (open-mid, else open-coarse) that turns. Median of the rounds; every
round measures each way once. Inputs (rasteriser, flows, initial image) cost the same in all three and stand
on a line of their own. Frames per second count everything but reading and writing.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.lwg.config import GeneratorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inference import DTYPES, InferenceOptions, on_device
from iper_bench.lwg.inputs import InputOptions
from iper_bench.methods.liquid_warping_subject import target_maps
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.source_person import SourcePerson, prepare_person

PAPER_FPS = {256: 17.1, 512: 6.8, 1024: 1.7, 1920: 0.5}  # Figure 16 of arXiv 2011.09055, one V100S
SHARE = 0.10  # of a frame's time that one more source may cost; a bound of ours
WANTED = 2.0  # times faster than all streams per frame


@dataclass(frozen=True)
class Case:
    """One person and one target at one size, with the ways to draw it."""

    person: SourcePerson
    draw_inputs: Callable[[], Any]
    ways: dict[str, Callable[[], Any]]
    box: float
    kept: int


def turning(count: int, total: int) -> BodyTrack:
    """``count`` frames of a turn in ``total`` steps, arms slightly lowered."""
    poses = np.zeros((count, 72), np.float32)
    for k in range(count):
        turn = Rotation.from_euler("x", np.pi) * Rotation.from_euler("y", 2 * np.pi * k / total)
        poses[k, :3] = turn.as_rotvec()
        poses[k, 16 * 3 + 2], poses[k, 17 * 3 + 2] = -0.9, 0.9
    return BodyTrack(np.zeros(10, np.float32), poses, np.tile(np.float32([0.9, 0.0, 0.35]), (count, 1)))


def body_name() -> str:
    """The finest body at hand."""
    try:
        load_body("open-mid")
    except UserError:
        return "open-coarse"
    return "open-mid"


def make_case(generator: Any, size: int, sn: int, options: InferenceOptions, batch: int = 1) -> Case:
    """A person with ``sn`` views and ``batch`` targets between them."""
    rng = np.random.default_rng(0)
    track = turning(sn, sn)
    frames = rng.integers(0, 256, (sn, size, size, 3), dtype=np.uint8)
    whole = np.full((sn, size, size), 255, np.uint8)
    inputs = InputOptions(person="silhouette", prefill=False)
    person = prepare_person(Sources(frames, whole, track, body_name()), inputs)
    targets = Targets(turning(batch + 1, 9).take(range(1, batch + 1)), same_person=True)

    def draw_inputs() -> Any:
        maps = target_maps(person.builder, track, targets, slice(0, batch))
        return person.builder.targets(person.inputs, maps)

    made = draw_inputs()
    tsf, flows = made.tsf_inputs, made.flows
    bg, src = person.inputs.bg_input[None], person.inputs.src_inputs[None]
    features = generator.encode_sources(src)
    network: Any = options.network(generator)
    prepared = network.prepare(features)
    shown = tsf.contiguous(memory_format=torch.channels_last) if options.channels_last else tsf
    background = generator.background(bg)[:, 0]

    def composed(outputs: tuple[Tensor, Tensor], behind: Tensor) -> Tensor:
        return generator.compose(behind, *outputs)

    ways = {
        "all streams": lambda: composed(
            generator.transfer(tsf, generator.encode_sources(src), flows), generator.background(bg)[:, 0]
        ),
        "official caching": lambda: composed(generator.transfer(tsf, features, flows), background),
        "prepared": lambda: composed(network.render_targets(prepared, shown, flows), background),
    }
    boxes = [box for _, box in prepared.warped(flows, torch.float32)]
    first = boxes[0]
    share = (first.bottom - first.top) * (first.right - first.left) / prepared.maps[0][0, 0, 0].numel()
    kept = sum(one.numel() * one.element_size() for one in prepared.maps)
    return Case(person, draw_inputs, ways, share, kept)


def milliseconds(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median time of each call over ``rounds`` in turn, after one call that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for k in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if k:
                times[name].append(1000.0 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def peak_megabytes(call: Callable[[], Any], device: torch.device) -> float:
    """Highest memory during ``call`` above what was held before: CUDA's allocator, else Linux's resident set;
    nan elsewhere.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not clear.exists():
        return float("nan")

    def resident(key: str) -> float:
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(key))

    # Pages that the allocator keeps for later would hide what the call needs.
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    clear.write_text("5")  # resets the high-water mark (Linux, proc(5))
    before = resident("VmRSS")
    call()
    return (resident("VmHWM") - before) / 1024


def compare(generator: Any, options: argparse.Namespace, how: InferenceOptions) -> None:
    """(a) one frame by the three ways."""
    case = make_case(generator, options.size, options.sn, how)
    found = milliseconds({"inputs": case.draw_inputs, **case.ways}, options.rounds)
    every = found["all streams"]
    print(f"\n{options.size} px, sn = {options.sn}, body's box {100 * case.box:.0f} % of the image")
    print("| way | ms per frame | all streams / way | with inputs |\n|---|---|---|---|")
    for name in case.ways:
        with_inputs = (every + found["inputs"]) / (found[name] + found["inputs"])
        print(f"| {name} | {found[name]:.0f} | {every / found[name]:.2f} | {with_inputs:.2f} |")
    print(f"| inputs | {found['inputs']:.0f} | | |")
    ratio = every / found["prepared"]
    print(
        f"prepared is {ratio:.2f} times as fast as all streams per frame; wanted {WANTED}: {ratio >= WANTED}"
    )
    ratio = found["official caching"] / found["prepared"]
    print(f"prepared is {ratio:.2f} times as fast as the official caching")


def extra_sources(generator: Any, options: argparse.Namespace, how: InferenceOptions) -> None:
    """(b) what one more source costs."""
    device = compute_device()
    cases = {sn: make_case(generator, options.size, sn, how) for sn in options.sources}
    found = milliseconds({str(sn): case.ways["prepared"] for sn, case in cases.items()}, options.rounds)
    print("\n| sn | ms per frame | kept features, MB | peak of a frame, MB |\n|---|---|---|---|")
    for sn, case in cases.items():
        peak = peak_megabytes(case.ways["prepared"], device)
        print(f"| {sn} | {found[str(sn)]:.0f} | {case.kept / 2**20:.1f} | {peak:.0f} |")
    first, last = min(cases), max(cases)
    if first != last:
        extra = (found[str(last)] - found[str(first)]) / (last - first)
        held = (cases[last].kept - cases[first].kept) / (last - first) / 2**20
        share = extra / found[str(first)]
        print(
            f"one more source costs {extra:.1f} ms, {100 * share:.1f} % of a frame with sn = {first}, and "
            f"{held:.1f} MB; bound {100 * SHARE:.0f} %: {share <= SHARE}"
        )


def frame_rates(generator: Any, options: argparse.Namespace, how: InferenceOptions) -> None:
    """(c) frames per second by size, inputs included."""
    print(f"\n| px | frames per second, {options.dtype} | paper (V100S) |\n|---|---|---|")
    for size in options.sizes:
        case = make_case(generator, size, options.sn, how)
        found = milliseconds({"inputs": case.draw_inputs, "frame": case.ways["prepared"]}, 1)
        print(f"| {size} | {1000.0 / sum(found.values()):.2f} | {PAPER_FPS.get(size, '')} |", flush=True)


def batch_sizes(generator: Any, options: argparse.Namespace, how: InferenceOptions) -> None:
    """Milliseconds per frame by batch."""
    cases = {b: make_case(generator, options.size, options.sn, how, b) for b in options.batches}
    found = milliseconds({str(b): case.ways["prepared"] for b, case in cases.items()}, options.rounds)
    print("\n| targets per pass | ms per frame |\n|---|---|")
    for b in cases:
        print(f"| {b} | {found[str(b)] / b:.0f} |")


def numbers(text: str) -> list[int]:
    """``"1,2"`` to ``[1, 2]``."""
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--sn", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sources", type=numbers, default=[1, 2, 4, 8], help="'' = leave out")
    parser.add_argument("--sizes", type=numbers, default=[])
    parser.add_argument("--batches", type=numbers, default=[])
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="float32", help="of the way 'prepared'")
    parser.add_argument("--channels-last", action="store_true", help="for the way 'prepared'")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = compute_device()
    generator: Any = build_generator(GeneratorConfig.released("AttLWB-SPADE")).eval().requires_grad_(False)
    generator = on_device(generator, device)
    how = InferenceOptions(dtype=options.dtype, channels_last=options.channels_last)
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {options.threads} thread(s)"
    )
    print(f"torch {torch.__version__}, {name}, {options.dtype}, body {body_name()}, {options.rounds} rounds")
    with torch.inference_mode():
        compare(generator, options, how)
        if options.sources:
            extra_sources(generator, options, how)
        if options.batches:
            batch_sizes(generator, options, how)
        if options.sizes:
            frame_rates(generator, options, how)


if __name__ == "__main__":
    main()
