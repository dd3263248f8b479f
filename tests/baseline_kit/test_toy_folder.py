"""A folder under ``baselines/`` is all that a method needs: it is listed, trained, resumed, run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iper_bench.baseline_kit.baseline import Need
from iper_bench.baseline_kit.method import source_examples
from iper_bench.baseline_kit.opening import baseline_class, card_of, make_baseline
from iper_bench.baseline_kit.training import BaselineRequest, train_baseline
from iper_bench.baseline_kit.weight_file import read_weights, save_weights
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.methods.method import METHODS, Method, Sources, Targets
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.training.state import read_state
from tests.baseline_kit.toy import CARD, toy_installed
from tests.cli.command_line import run_line

SIDE = 32


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Path]:
    with toy_installed(tmp_path / "folders") as folder:
        yield folder


@pytest.fixture(scope="module")
def people() -> tuple[Sources, Targets]:
    dataset = DATASETS.get("synthetic")(root=None, size=SIDE)
    clip = dataset.clips("test")[0]
    rows = [0, 8]
    sources = Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), dataset.body)
    return sources, Targets(clip.track.take(range(20, 31)), True)


def request(out: Path, **changes: object) -> BaselineRequest:
    return BaselineRequest("toy-paint", "synthetic", out, **{"steps": 8, "save_every": 3, **changes})  # type: ignore[arg-type]


def frames_of(method: Method, sources: Sources, targets: Targets, steps: int = 0) -> np.ndarray:
    return np.concatenate(list(method.personalize(sources, steps=steps, seed=3).render(targets)))


def test_a_folder_is_enough(toy: Path, tmp_path: Path, people: tuple[Sources, Targets]) -> None:
    assert "toy-paint" in METHODS.names()
    assert METHODS.origin("toy-paint") == "baselines/toy_paint"
    path = train_baseline(request(tmp_path / "run"))
    method = MethodChoice.parse(f"toy-paint@{path}").open()
    frames = frames_of(method, *people)
    assert frames.shape == (11, SIDE, SIDE, 3)
    assert frames.dtype == np.uint8
    assert method.identity != MethodChoice.parse("toy-paint[random=tiny]").open().identity


def test_the_command_trains_it(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ("train", "--method", "toy-paint", "--dataset", "synthetic", "--out", str(tmp_path / "run"))
    shown = run_line(capsys, *train, "--steps", "3", "--log-images-every", "3")
    assert shown.status == 0, shown.err
    assert (tmp_path / "run" / "weights.safetensors").is_file()
    assert (tmp_path / "run" / "pictures" / "training" / "step-0000003.png").is_file()


def test_options_of_other_trainings_are_refused(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ("train", "--method", "toy-paint", "--dataset", "synthetic", "--out", str(tmp_path / "run"))
    shown = run_line(capsys, *train, "--schedule", "paper")
    assert shown.status == 2
    assert "--schedule: means nothing to --method toy-paint" in shown.err


def test_stopped_in_the_middle_and_resumed(toy: Path, tmp_path: Path) -> None:
    """Bit for bit: dropout, Adam and the toy's counter are all part of the state."""
    whole = train_baseline(request(tmp_path / "whole"))
    kind = baseline_class("toy-paint")
    learn, calls = kind.learn, []

    def interrupted(self: object, batch: object, step: int, steps: int) -> dict[str, float]:
        calls.append(step)
        if step == 5:
            raise RuntimeError("power cut")
        return learn(self, batch, step, steps)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "learn", interrupted)
        with pytest.raises(RuntimeError, match="power cut"):
            train_baseline(request(tmp_path / "cut"))
    assert read_state(tmp_path / "cut" / "state.pt")["step"] == 3  # of the last multiple of save_every
    cut = train_baseline(request(tmp_path / "cut"))
    assert cut.read_bytes() == whole.read_bytes()
    assert read_state(tmp_path / "cut" / "state.pt")["extra"]["seen"] == 8


def test_another_set_up_in_the_folder_is_refused(toy: Path, tmp_path: Path) -> None:
    train_baseline(request(tmp_path / "run", steps=2))
    with pytest.raises(UserError, match="another set-up"):
        train_baseline(request(tmp_path / "run", steps=2, seed=1))
    with pytest.raises(UserError, match="2 steps behind it already"):
        train_baseline(request(tmp_path / "run", steps=1))


def test_no_batch_and_no_order_changes_a_frame(toy: Path, people: tuple[Sources, Targets]) -> None:
    """Law: 11 targets in batches of 8, or one by one, or backwards. One level of tolerance: convolutions of
    another batch size sum in another order.
    """
    sources, targets = people
    method = MethodChoice.parse("toy-paint[random=tiny]").open()
    whole = frames_of(method, sources, targets).astype(int)
    backwards = Targets(targets.track.take(range(10, -1, -1)), True)
    assert abs(frames_of(method, sources, backwards)[::-1] - whole).max() <= 1
    alone = Targets(targets.track.take([4]), True)
    assert abs(frames_of(method, sources, alone)[0] - whole[4]).max() <= 1


def test_personalization_trains_on_the_sources(toy: Path, people: tuple[Sources, Targets]) -> None:
    sources, targets = people
    method = MethodChoice.parse("toy-paint[random=tiny]").open()
    assert method.trains
    at = dict(method.checkpoints(sources, steps=(0, 4, 2), seed=3))
    assert list(at) == [0, 2, 4]
    made = {steps: np.concatenate(list(subject.render(targets))) for steps, subject in at.items()}
    assert (made[0] != made[2]).any()
    assert (made[2] != made[4]).any()
    # T in a sweep is T alone, and the method itself has not changed
    assert np.array_equal(frames_of(method, sources, targets, 4), made[4])
    assert np.array_equal(frames_of(method, sources, targets), made[0])


def test_frames_of_another_side(toy: Path) -> None:
    dataset = DATASETS.get("synthetic")(root=None, size=64)
    clip = dataset.clips("test")[0]
    sources = Sources(clip.frames([0]), clip.masks([0]), clip.track.take([0]), dataset.body)
    frames = frames_of(
        MethodChoice.parse("toy-paint[random=tiny]").open(), sources, Targets(clip.track.take([3]), True)
    )
    assert frames.shape == (1, 64, 64, 3)


def test_needs_weights(toy: Path) -> None:
    with pytest.raises(UserError, match=r"'toy-paint' needs weights.*iper-bench train --method toy-paint"):
        MethodChoice.parse("toy-paint").open()


def test_weights_of_another_method(toy: Path, tmp_path: Path) -> None:
    baseline = make_baseline(baseline_class("toy-paint"), "tiny")
    save_weights(baseline, tmp_path / "w.safetensors", {})
    with pytest.raises(UserError, match="holds weights of 'toy-paint'"):
        read_weights(tmp_path / "w.safetensors", "pg2")


def test_sources_come_round_again() -> None:
    """Known answer (MetaPix): of 5 sources in a batch of 8 three stand there twice and two once."""
    rng = np.random.default_rng(0)
    for sn, expected in ((5, [1, 1, 2, 2, 2]), (2, [4, 4]), (8, [1] * 8)):
        track = DATASETS.get("synthetic")(root=None, size=SIDE).clips("test")[0].track.take(range(sn))
        sources = Sources(np.zeros((sn, 4, 4, 3), np.uint8), None, track, "open-coarse")
        places = [one.indices[0] for one in source_examples(sources, Need(8, 1), rng)]
        assert sorted(places.count(place) for place in set(places)) == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("year: 2020", "yeer: 2020", "unknown field 'yeer'"),
        ("year: 2020\n", "", "field 'year' is missing"),
        ("year: 2020", "year: soon", "field 'year': is 'soon'; expected a whole number"),
        ("  paper: {side", "  large: {side", "preset 'paper' is missing"),
        ("[motion_imitation]", "[cooking]", "unknown task 'cooking'"),
        ("name: toy-paint", "name: other", "is 'other'; expected 'toy-paint', as the folder is called"),
        ("published: []", "published: [{table: 1}]", "field 'method' is missing"),
        ("title: Painting", "title: [", "cannot read the card"),
    ],
)
def test_bad_cards(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CARD
    with toy_installed(tmp_path, CARD.replace(old, new)), pytest.raises(UserError) as caught:
        card_of("toy-paint")
    assert message in str(caught.value)
    assert "card.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_settings_of_a_preset(tmp_path: Path) -> None:
    with toy_installed(tmp_path, CARD.replace("width: 4", "widht: 4")), pytest.raises(UserError) as caught:
        make_baseline(baseline_class("toy-paint"), "tiny")
    assert "unknown field 'widht'" in str(caught.value)
