"""Reptile against the official loops on toy vectors, its schedules and its picker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from iper_bench.baseline_kit.reptile import (
    copied,
    cyclic_batch,
    inner_rate,
    linear_epsilon,
    meta_iteration,
    move_towards,
    pick_frames,
)
from tests.oracles import config, load, oracle_files

FRESH = [
    *oracle_files("baselines/metapix_reptile_pix2pixhd*.npz"),
    *oracle_files("baselines/metapix_reptile_generator*.npz"),
]
PERSISTENT = oracle_files("baselines/metapix_reptile_posewarp*.npz")

TERMS = ("center", "curvature")


class Vector(nn.Module):
    """A network that is a vector, and a whole number."""

    def __init__(self, start: np.ndarray) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.from_numpy(start).double().clone())
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def distance(self, centre: np.ndarray, curvature: np.ndarray | None = None) -> torch.Tensor:
        weight = torch.ones_like(self.w) if curvature is None else torch.from_numpy(curvature)
        return 0.5 * (weight * (self.w - torch.from_numpy(centre)).square()).sum()


def values(network: nn.Module) -> np.ndarray:
    return network.w.detach().numpy().copy()  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("path", FRESH, ids=lambda path: path.stem)
def test_official_loop_with_fresh_optimisers(path: Path) -> None:
    """1e-9: the same arithmetic in float64."""
    arrays, known = load(path), config(path)
    networks = {"G": Vector(arrays["in/G0"]), "D": Vector(arrays["in/D0"])}
    fixed = {"D": Vector(arrays["in/D0"])} if known["only_gen"] else None
    for iteration, task in enumerate(arrays["in/task_sequence"]):
        if not known["only_gen"]:
            assert np.abs(values(networks["D"]) - arrays["out/D_before"][iteration]).max() < 1e-9
        assert np.abs(values(networks["G"]) - arrays["out/G_before"][iteration]).max() < 1e-9

        def inner(task: int = int(task), iteration: int = iteration) -> None:
            adams = {n: torch.optim.Adam(one.parameters(), betas=(0.5, 0.999)) for n, one in networks.items()}
            for step in range(known["T"] + known["dec"]):
                losses = {
                    "G": networks["G"].distance(
                        arrays["in/task_center_G"][task], arrays["in/task_curvature_G"][task]
                    ),
                    "D": networks["D"].distance(arrays["in/task_center_D"][task]),
                }
                for name, adam in adams.items():
                    adam.param_groups[0]["lr"] = inner_rate(known["lr"], step, known["T"], known["dec"])
                    adam.zero_grad()
                    losses[name].backward()
                    adam.step()
            for name in networks:
                assert (
                    np.abs(values(networks[name]) - arrays[f"out/{name}_after_inner"][iteration]).max() < 1e-9
                )

        epsilon = linear_epsilon(known["eps"], iteration, known["M"])
        assert epsilon == pytest.approx(float(arrays["out/epsilon_schedule"][iteration]), abs=1e-12)
        meta_iteration(networks, inner, epsilon, fixed=fixed)
    for name, network in networks.items():
        assert np.abs(values(network) - arrays[f"out/{name}_final"]).max() < 1e-9


@pytest.mark.parametrize("path", PERSISTENT, ids=lambda path: path.stem)
def test_official_loop_with_one_optimiser(path: Path) -> None:
    arrays, known = load(path), config(path)
    networks = {"G": Vector(arrays["in/w0"])}
    adam = torch.optim.Adam(networks["G"].parameters(), known["inner_lr"])
    for task in range(known["M"]):

        def inner(task: int = task) -> None:
            for _ in range(known["T"]):
                adam.zero_grad()
                networks["G"].distance(
                    arrays["in/task_center"][task], arrays["in/task_curvature"][task]
                ).backward()
                adam.step()
            assert np.abs(values(networks["G"]) - arrays["out/after_inner"][task]).max() < 1e-9

        meta_iteration(networks, inner, known["epsilon"])
        assert np.abs(values(networks["G"]) - arrays["out/after_outer"][task]).max() < 1e-9


@pytest.mark.parametrize("path", PERSISTENT, ids=lambda path: path.stem)
def test_official_picks(path: Path) -> None:
    arrays = load(path)
    for name in (key for key in arrays if key.startswith("out/choose_k_images_")):
        length, count = (int(part) for part in name.split("_")[-2:])
        assert pick_frames(length, count) == arrays[name].tolist()


def test_too_short_for_the_picker() -> None:
    """Known answer: two steps of 25 frames end before frame 100."""
    assert pick_frames(150, 2) == []
    with pytest.raises(ValueError, match="102 frames; expected at least 103"):
        pick_frames(102, 3)


def test_inner_schedule() -> None:
    """Known answer (the sheet): 2e-4 eleven times, then down to 2e-5 in step 20."""
    rates = [inner_rate(2e-4, step, 10, 10) for step in range(20)]
    assert rates[:11] == [2e-4] * 11
    assert np.allclose(rates[11:], np.arange(9, 0, -1) * 2e-5)


def test_cyclic_batches() -> None:
    assert sorted(cyclic_batch(5, 8)) == [0, 0, 1, 1, 2, 2, 3, 4]
    assert sorted(cyclic_batch(2, 8)) == [0] * 4 + [1] * 4


def test_laws_of_the_outer_step() -> None:
    """Epsilon 0 leaves theta, epsilon 1 takes phi; counters are phi's; theta is a copy."""
    for epsilon in (0.0, 1.0, 0.25):
        network = Vector(np.array([1.0, 2.0]))
        networks = {"G": network}
        theta = copied(networks)
        with torch.no_grad():
            network.w += 4.0
            network.count += 3
        move_towards(networks, theta, epsilon)
        assert np.allclose(values(network), np.array([1.0, 2.0]) + 4.0 * epsilon)
        assert int(network.count) == 3
        assert theta["G"]["w"].tolist() == [1.0, 2.0]
