"""One cell of ``iper-bench time``: one method at one resolution, measured in a process of its own, so that
its peak memory is its own and running out of memory ends nothing else.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.out_of_memory import is_out_of_memory
from iper_bench.store.timing_file import PHASES
from iper_bench.tasks.timing_material import REFERENCE_SIZE, SOURCE_SIZE, Material, make_material

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class CellRequest:
    """What is measured.

    Attributes
    ----------
    method: ``[LABEL=]NAME[@WEIGHTS]``. size: side of the frames in pixels.
    sn, steps, frames: sources, personalisation steps T, frames that are drawn.
    repeats, warmup: measured rounds, and rounds before them that are not.
    body_weights: of a body estimator that finds the bodies; ``None`` takes them as given.
    source_size, reference_size: height and width of the files.
    threads: of torch.
    """

    method: str
    size: int
    sn: int
    steps: int
    frames: int
    repeats: int
    warmup: int
    body_weights: Path | None = None
    data_root: str | None = None
    source_size: tuple[int, int] = SOURCE_SIZE
    reference_size: tuple[int, int] = REFERENCE_SIZE
    threads: int = 1


def measure_cell(request: CellRequest) -> dict[str, Any]:
    """Seconds by phase and round, and peak memory; or ``reason`` when it could not be measured.

    Raises UserError for what the user typed wrong.
    """
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_in_child, args=(sending, request), daemon=True)
    child.start()
    sending.close()
    try:
        answer = receiving.recv()
    except EOFError:
        child.join()
        return {"reason": f"the process ended with status {child.exitcode}, most likely out of memory"}
    finally:
        receiving.close()
    child.join()
    if isinstance(answer, UserError):
        raise answer
    return dict(answer)


def _in_child(sending: Connection, request: CellRequest) -> None:
    answer: Any
    said = io.StringIO()
    try:
        import torch

        torch.set_num_threads(request.threads)
        # bars and notes of every round would tell the reader of the table nothing
        with contextlib.redirect_stderr(said):
            answer = measure_here(request)
    except UserError as error:
        answer = error
    except Exception as error:
        reason = "out of memory" if is_out_of_memory(error) else f"{type(error).__name__}: {error}"
        answer = {"reason": reason}
        sys.stderr.write(said.getvalue())
        traceback.print_exc()
    sending.send(answer)
    sending.close()


def measure_here(request: CellRequest) -> dict[str, Any]:
    """The same in this process."""
    import psutil
    import torch

    from iper_bench.device import compute_device
    from iper_bench.tasks.delivery import Destination
    from iper_bench.tasks.engine import Engine, Job

    rounds: dict[str, list[float]] = {phase: [] for phase in PHASES}
    cuda = compute_device().type == "cuda"
    with tempfile.TemporaryDirectory(prefix="iper-bench-time-") as held:
        folder = Path(held)
        material = make_material(
            folder,
            request.sn,
            request.frames,
            source_size=request.source_size,
            reference_size=request.reference_size,
            data_root=request.data_root,
        )
        engine = Engine(Job(Destination(folder / "out.mp4"), method=request.method, steps=request.steps))
        _, method = engine.open_method()
        before = psutil.Process().memory_info().rss
        for number in range(request.warmup + request.repeats):
            one = _round(engine, method, material, request)
            if number >= request.warmup:
                for phase in PHASES:
                    rounds[phase].append(round(one[phase], 6))
    return {
        "identity": method.identity,
        "trains": method.trains,
        "seconds": rounds,
        "peak_mib": round(_peak_bytes() / MEBIBYTE, 1),
        "before_mib": round(before / MEBIBYTE, 1),
        "gpu_peak_mib": round(torch.cuda.max_memory_allocated() / MEBIBYTE, 1) if cuda else None,
    }


def _peak_bytes() -> int:
    """Largest memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _round(engine: Any, method: Any, material: Material, request: CellRequest) -> Mapping[str, float]:
    """One round through the phases, from files to a file; ``render`` is inference without files."""
    from iper_bench.methods.method import Targets
    from iper_bench.tasks.engine import Scene
    from iper_bench.tasks.imitate import TargetSpec, load_driver
    from iper_bench.tasks.motion import MotionOptions
    from iper_bench.tasks.person import PersonSpec, Setting, load_person
    from iper_bench.tasks.reel import ReelSpec

    found: dict[str, float] = {}
    known = request.body_weights is None
    setting = Setting(size=request.size, data_root=request.data_root, body_weights=request.body_weights)
    started = _now()
    person = load_person(
        PersonSpec(
            ReelSpec(str(material.sources), material.source_track if known else None),
            frames=tuple(range(request.sn)),
        ),
        setting,
        engine.notes,
    )
    person = engine.used(method, person)
    driver = load_driver(
        TargetSpec(ReelSpec(str(material.reference), material.reference_track if known else None)),
        setting,
        person.sources.body,
        engine.notes,
    )
    motion = driver.onto(person, MotionOptions(), person.sources.body)
    scene = Scene([person], motion, driver.reel)
    engine.check(scene)
    found["preprocess"] = _now() - started
    steps, made = engine.subject(method, person)
    held: list[Any] = []
    found["personalise"] = _timed(lambda: held.append(made()))
    (subject,) = held
    found["inference"] = _timed(lambda: engine.deliver(scene, steps, lambda: subject, {}))
    targets = Targets(motion.track, same_person=True)
    found["render"] = _timed(lambda: [None for _ in subject.render(targets)])
    return found


def _timed(call: Callable[[], Any]) -> float:
    started = _now()
    call()
    return _now() - started


def _now() -> float:
    """Seconds, after everything that an accelerator was given is done."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
