"""``iper-bench metric``: names, definitions in words, and the nearest names for mistyped ones."""

from __future__ import annotations

import pytest

from iper_bench.metrics.metric import METRICS, SETTINGS
from iper_bench.metrics.profiles import PROFILES
from tests.cli.command_line import assert_one_line, run_line

Capture = pytest.CaptureFixture[str]


def test_every_metric_is_listed(capsys: Capture) -> None:
    out = run_line(capsys, "metric", "list").out
    assert [line.split()[0] for line in out.splitlines()] == list(METRICS)
    assert "psnr/uint8-wrap" in out


@pytest.mark.parametrize("profile", list(PROFILES))
def test_the_metrics_of_a_profile(profile: str, capsys: Capture) -> None:
    lines = run_line(capsys, "metric", "list", "--profile", profile).out.splitlines()
    assert sorted(line.split()[0] for line in lines) == PROFILES.get(profile).names()
    for line in lines:
        name, _, settings = line.split()[:3]
        known = [s for s in SETTINGS if any(one.metric == name for one in PROFILES.get(profile).every(s))]
        assert settings == "+".join(known)
    requested = {line.split()[0] for line in lines if " on request " in line}
    defaults = {one.metric for setting in SETTINGS for one in PROFILES.get(profile).metrics[setting]}
    assert requested == set(PROFILES.get(profile).names()) - defaults


@pytest.mark.parametrize("profile", list(PROFILES))
def test_every_definition_is_shown_in_words(profile: str, capsys: Capture) -> None:
    chosen = PROFILES.get(profile)
    for setting in SETTINGS:
        for definition in chosen.every(setting):
            arguments = ["metric", "show", definition.metric, "--profile", profile, "--setting", setting]
            out = run_line(capsys, *arguments).out
            assert f"profile {profile}, setting {setting}, kind {definition.kind.name}" in out
            for field, words in definition.words().items():
                assert f"  {field}: {definition[field]} - {words}\n" in out
            assert (f"source: {definition.source}" in out) == bool(definition.source)
            assert ("not comparable with the paper" in out) == (not chosen.comparable)


def test_settings_that_differ_are_both_shown(capsys: Capture) -> None:
    out = run_line(capsys, "metric", "show", "Face-CS", "--profile", "paper").out
    assert "setting self," in out
    assert "setting cross," in out
    out = run_line(capsys, "metric", "show", "Body-CS", "--profile", "paper").out
    assert "setting self and cross," in out


def test_without_a_profile_the_first_one_with_the_metric(capsys: Capture) -> None:
    assert "profile offline" in run_line(capsys, "metric", "show", "PSNR").out
    assert "profile standard" in run_line(capsys, "metric", "show", "FID/tf1").out
    assert "profile paper" in run_line(capsys, "metric", "show", "SSPE").out
    out = run_line(capsys, "metric", "show", "psnr/uint8-wrap").out
    assert "profile legacy" in out
    assert "DisCo" in out


def test_profiles_are_listed(capsys: Capture) -> None:
    out = run_line(capsys, "metric", "profiles").out
    assert [line.split()[0] for line in out.splitlines()] == list(PROFILES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "psnr/gray"), ("unknown metric 'psnr/gray'", "psnr/grey")),
        (("show", "PSNR", "--profile", "papr"), ("unknown profile 'papr'", "paper")),
        (("show", "PSNR", "--setting", "slef"), ("unknown setting 'slef'", "did you mean self")),
        (("show", "KID", "--profile", "paper"), ("profile paper: unknown metric 'KID'", "FID")),
        (("show", "PSNR", "--setting", "cross"), ("setting cross: unknown metric 'PSNR'",)),
        (("list", "--profile", "legacyy"), ("unknown profile 'legacyy'", "legacy")),
    ],
)
def test_mistyped_names_are_one_line(
    arguments: tuple[str, ...], words: tuple[str, ...], capsys: Capture
) -> None:
    assert_one_line(run_line(capsys, "metric", *arguments), *words)
