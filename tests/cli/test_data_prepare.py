"""``iper-bench data prepare`` as typed."""

from __future__ import annotations

import pytest

from iper_bench.data.dataset import DATASETS
from tests.cli.command_line import assert_one_line, run_line
from tests.data.layouts.trees import make_folder, make_iper, picture

QUICK = ("--size", "32", "--workers", "1")


def test_a_data_set_is_prepared_and_read_by_other_verbs(tmp_path, capsys) -> None:
    root = make_iper(tmp_path / "iPER", layout="tpami")
    outcome = run_line(capsys, "data", "prepare", "iper", "--data-root", str(root), *QUICK)
    assert outcome.status == 0, outcome.err
    printed = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert printed["prepared"].startswith("4 clips, 16 frames in ")
    assert "split train  2 clips" in outcome.out
    assert printed["folder"] == str(root / "prepared")
    clip = DATASETS.get("iper")(root=str(root)).clip("001/1/1")
    assert (clip.frames([2])[0] == picture("001/1/1", 2)).all()
    again = run_line(capsys, "data", "prepare", "iper", "--data-root", str(root), *QUICK)
    assert (again.status, again.err.count("failed")) == (0, 0)
    assert "kept         4 clips that were finished" in again.out


def test_the_options_are_those_of_the_request(tmp_path, capsys) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna", "ben", "carl"))
    (root / "carl" / "track.npz").unlink()
    out = tmp_path / "copy"
    words = ("--clips", "carl,anna", "--factor", "0", "--no-smooth", "--out", str(out), "--split", "all")
    outcome = run_line(capsys, "data", "prepare", "folder", "--data-root", str(root), *words, *QUICK)
    assert outcome.status == 0, outcome.err
    assert "no track  1 clip: carl; --body-weights FILE finds one" in outcome.out
    assert sorted(path.name for path in (out / "clips").iterdir()) == ["anna", "carl"]
    limited = run_line(
        capsys, "data", "prepare", "folder", "--data-root", str(root), "--limit", "1", "--out",
        str(tmp_path / "one"), *QUICK,
    )  # fmt: skip
    assert limited.status == 0
    assert [path.name for path in (tmp_path / "one" / "clips").iterdir()] == ["anna"]


def test_clips_that_fail_are_named_and_the_status_says_so(tmp_path, capsys) -> None:
    root = make_folder(tmp_path / "raw", clips=("anna", "ben"))
    (root / "ben" / "0001.png").write_bytes(b"")
    outcome = run_line(capsys, "data", "prepare", "folder", "--data-root", str(root), *QUICK)
    assert outcome.status == 3
    lines = [line for line in outcome.err.splitlines() if line.startswith("iper-bench: failed: ")]
    assert len(lines) == 1
    assert "clip ben: " in lines[0]
    assert "0001.png: an empty file" in lines[0]
    assert "failed    1 clip, see above" in outcome.out
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("iper",), "there is no such folder"),
        (("iperr",), "did you mean iper?"),
        (("synthetic",), "needs no preparation"),
        (("iper", "--size", "8"), "8 is not in the range"),
        (("iper", "--factor", "nan"), "'nan' is no number"),
        (("iper", "--fps", "0"), "0 is not in the range"),
        (("iper", "--clips", "a,,b"), "empty entry"),
        (("iper", "--body-weights", "gone.pth"), "--body-weights: no such file"),
        (("iper", "--faktor", "1"), "did you mean --factor"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, said) -> None:
    arguments = (*words, "--data-root", str(tmp_path / "nowhere"))
    assert_one_line(run_line(capsys, "data", "prepare", *arguments), said)


def test_help_says_the_defaults(capsys) -> None:
    outcome = run_line(capsys, "data", "prepare", "--help")
    assert outcome.status == 0
    for words in ("--body-weights FILE", "[default: 512", "as released; else 1.3", "--unpack"):
        assert words in " ".join(outcome.out.split())
