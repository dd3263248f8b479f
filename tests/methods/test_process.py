"""Processes: what a job holds, what comes back, and every way in which a command can go wrong."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from iper_bench.data.clip import Images
from iper_bench.data.image_io import decode_png, encode_png
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources, Targets
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.methods.process_method import ProcessMethod
from iper_bench.methods.process_spec import ProcessSpec
from tests.turning_clip import TurningClip

CLIP = TurningClip(side=32)
SOURCES = Sources(CLIP.frames([0, 4]), CLIP.masks([0, 4]), CLIP.track.take([0, 4]), "open-coarse")
TARGETS = Targets(CLIP.track.take([1, 2, 3]), same_person=True)

#: shows source k % sn for target k, in nothing but the standard library
COPY = """\
import json, shutil, sys
from pathlib import Path
job = Path(sys.argv[1])
told = json.loads((job / "job.json").read_text())
for k in range(told["frames"]):
    shutil.copy(job / told["sources"][k % told["sn"]], job / told["output"] / f"{k:08d}.png")
"""


@pytest.fixture
def method(tmp_path: Path) -> Callable[..., ProcessMethod]:
    """A method whose command runs the given Python text; keywords are fields of the spec."""

    def make(script: str = COPY, **fields: Any) -> ProcessMethod:
        (tmp_path / "predict.py").write_text(script)
        spec = tmp_path / "mine.yaml"
        spec.write_text(yaml.safe_dump({"command": ["{python}", "predict.py", "{job}"], **fields}))
        made = MethodChoice.parse(f"process:{spec}").open()
        assert isinstance(made, ProcessMethod)
        return made

    return make


def drawn(method: ProcessMethod, targets: Targets = TARGETS) -> Images:
    return np.concatenate(list(method.personalize(SOURCES, steps=3, seed=5).render(targets)))


def test_frames_come_back_in_order(method: Callable[..., ProcessMethod]) -> None:
    np.testing.assert_array_equal(drawn(method()), SOURCES.frames[[0, 1, 0]])


def test_the_job_holds_what_docs_say(method: Callable[..., ProcessMethod], tmp_path: Path) -> None:
    keep = COPY + "shutil.copytree(job, 'kept')\nimport os\nPath('here').write_text(os.environ['MODE'])\n"
    drawn(method(keep, environment={"MODE": "fast"}, trains=True))
    assert (tmp_path / "here").read_text() == "fast"  # cwd is the spec's folder
    job = tmp_path / "kept"
    assert json.loads((job / "job.json").read_text()) == {
        "format": 1,
        "task": "motion_imitation",
        "same_person": True,
        "sn": 2,
        "steps": 3,
        "seed": 5,
        "size": [32, 32],
        "frames": 3,
        "body": "open-coarse",
        "sources": ["sources/00000000.png", "sources/00000001.png"],
        "masks": ["masks/00000000.png", "masks/00000001.png"],
        "sources_npz": "sources.npz",
        "targets_npz": "targets.npz",
        "output": "output",
    }
    for name, expected in (("sources", SOURCES.frames), ("masks", SOURCES.masks)):
        assert expected is not None
        found = [decode_png((job / name / f"{k:08d}.png").read_bytes()) for k in range(2)]
        np.testing.assert_array_equal(np.stack(found), expected)
    with np.load(job / "targets.npz", allow_pickle=False) as targets:
        np.testing.assert_array_equal(targets["poses"], TARGETS.track.poses)
        np.testing.assert_array_equal(targets["cams_drawn"], TARGETS.track.cams)
        joints = targets["joints_targets"]
    with np.load(job / "sources.npz", allow_pickle=False) as sources:
        assert sources["joints_sources"].shape == (2, 24, 2)
    # the head (15) is above the feet (10, 11) and everybody is inside the matte
    assert (joints[:, 15, 1] < joints[:, 10, 1]).all()
    masks = CLIP.masks([1, 2, 3])
    for place, (x, y) in enumerate(joints[:, 0]):
        assert masks[place, int(y), int(x)] == 255, "the pelvis lies on the person"


def test_in_cross_imitation_the_camera_is_the_persons(
    method: Callable[..., ProcessMethod], tmp_path: Path
) -> None:
    far = CLIP.track.take([1, 2, 3])
    far = type(far)(far.betas, far.poses, far.cams * np.float32([0.5, 1.0, 1.0]))
    drawn(method(COPY + "shutil.copy(job / 'targets.npz', 'targets.npz')\n"), Targets(far, same_person=False))
    with np.load(tmp_path / "targets.npz", allow_pickle=False) as targets:
        np.testing.assert_allclose(targets["cams_drawn"], TARGETS.track.cams, atol=1e-6)  # float32
        np.testing.assert_array_equal(targets["cams"], far.cams)


def test_steps_are_told_to_those_that_train_alone(
    method: Callable[..., ProcessMethod], tmp_path: Path
) -> None:
    tell = COPY + "Path('steps').write_text(str(told['steps']))\n"
    drawn(method(tell))
    assert (tmp_path / "steps").read_text() == "0"
    training = method(tell, trains=True)
    reached = [done for done, _ in training.checkpoints(SOURCES, steps=(5, 0), seed=0)]
    assert (training.trains, reached) == (True, [0, 5])


def writing(count: int) -> str:
    """The script with another number of frames."""
    return COPY.replace('range(told["frames"])', f"range({count})")


LINK = "first = job / 'output/00000000.png'\nfirst.unlink()\nfirst.symlink_to('/etc/hostname')\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.stderr.write('no GPU\\nlast \\x1b[31mline\\n'); sys.exit(7)",
         r"ended with exit status 7; the end of its standard error: no GPU \| last \[31mline"),
        ("raise SystemExit(2)", "exit status 2; it left nothing on standard error"),
        ("1 / 0", "exit status 1; .*ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was ended by signal 9"),
        (writing(2), r"1 of 3 frames were not written, the first: 00000002\.png.*expected 3 frames"),
        (writing(0), "3 of 3 frames were not written"),
        (writing(5), r"2 pictures that nobody asked for, the first: 00000003\.png.*expected 3"),
        (COPY + "Path(job / 'output/00000001.png').write_bytes(b'no picture')", r"00000001\.png"),
        (COPY + "shutil.copy('small.png', job / 'output/00000001.png')",
         r"output/00000001\.png: 16x16 pixels.*expected 32x32"),
        (COPY + "shutil.rmtree(job / 'output')", "3 of 3 frames were not written"),
        (COPY + LINK, r"00000000\.png.*link"),
    ],
)  # fmt: skip
def test_commands_that_go_wrong(
    method: Callable[..., ProcessMethod], tmp_path: Path, script: str, words: str
) -> None:
    (tmp_path / "small.png").write_bytes(encode_png(np.zeros((16, 16, 3), np.uint8)))
    with pytest.raises(UserError, match=words) as caught:
        drawn(method(script))
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_whole_output_is_the_cause_of_the_failure(method: Callable[..., ProcessMethod]) -> None:
    script = "import sys\nfor k in range(20): print('line', k)\nsys.exit('over')"
    with pytest.raises(UserError) as caught:
        drawn(method(script))
    assert "line 0" in str(caught.value.__cause__)
    assert "line" not in str(caught.value)


def test_a_command_that_hangs_is_ended_with_its_children(
    method: Callable[..., ProcessMethod], tmp_path: Path
) -> None:
    script = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('child', 'w').write(str(child.pid))\ntime.sleep(60)\n"
    )
    started = time.monotonic()
    with pytest.raises(UserError, match=r"ran longer than 1\.5 s and was ended"):
        drawn(method(script, timeout=1.5))
    assert time.monotonic() - started < 20  # much less than it would have slept
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not _runs(child):
            return
        time.sleep(0.05)
    raise AssertionError(f"child {child} still runs")


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc").is_dir()


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    spec = tmp_path / "mine.yaml"
    spec.write_text("command: [no-such-program-anywhere, '{job}']")
    with pytest.raises(UserError, match="cannot start 'no-such-program-anywhere': No such file"):
        drawn(ProcessMethod(ProcessSpec.read(spec)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no fields"),
        ("- a", "no fields"),
        ("a: [", "cannot be read as YAML"),
        ("command: python x.py", r"command: found python x\.py.*a list"),
        ("command: []", "the job is not among the arguments"),
        ("command: [python, x.py]", r"the job is not among the arguments.*\{job\}"),
        ("{command: ['{job}'], tiemout: 3}", "unknown field 'tiemout'.*did you mean timeout"),
        ("{command: ['{job}'], timeout: 0}", "timeout: found 0"),
        ("{command: ['{job}'], timeout: .nan}", "timeout: found nan"),
        ("{command: ['{job}'], timeout: true}", "timeout: found True"),
        ("{command: ['{job}'], trains: 1}", "trains: found 1"),
        ("{command: ['{job}'], environment: [A]}", "environment: found"),
        ("{command: ['{job}'], environment: {A=B: 1}}", "a variable called 'A=B'"),
        ("{command: ['{job}'], environment: {A: [1]}}", r"environment: A: found \[1\]"),
        ("{command: ['{job}'], files: [gone.py]}", r"files: no such file 'gone\.py'"),
        ("{command: ['{job}'], files: [../gone.py]}", "name '../gone.py'"),
        ("{command: ['{job}', {a: 1}]}", "command: found"),
    ],
)
def test_specs_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    spec = tmp_path / "mine.yaml"
    spec.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        ProcessSpec.read(spec)
    assert str(spec) in str(caught.value)


def test_identity_covers_the_spec_and_the_listed_files(tmp_path: Path) -> None:
    spec, code = tmp_path / "mine.yaml", tmp_path / "net.py"
    content = {"command": ["{job}"], "identity": "v1", "files": ["net.py"]}

    def identity(**changes: Any) -> str:
        spec.write_text(yaml.safe_dump({**content, **changes}))
        return ProcessSpec.read(spec).identity

    code.write_text("one")
    first = identity()
    assert identity(timeout=5) == first  # it changes no frame
    assert len({first, identity(identity="v2"), identity(environment={"A": "1"}), identity(trains=True)}) == 4
    code.write_text("two")
    assert identity() != first
    assert ProcessSpec.read(spec).name == "mine"
