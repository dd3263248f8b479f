"""Networks of DSC against the official model, counts at the published sizes, and laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from iper_bench.baselines.dsc.deformable_skip import deformable_skip, sampled_places
from iper_bench.baselines.dsc.network import Discriminator, Generator, WholeNorm, glorot
from torch import nn

from iper_bench.conditions.deformable import NOWHERE
from tests.baselines.dsc.oracle_weights import discriminator_of, generator_of
from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/dsc_network*.npz")
GEOMETRY = oracle_files("baselines/dsc_geometry*.npz")
PAPER = {
    64: (64, 128, 256, 512, 512, 512),
    128: (64, 128, 256, 512, 512, 512),
    256: (64, 128, 256, 512, 512, 512, 512),
    512: (64, 128, 256, 512, 512, 512, 512, 512),
}
IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def batched(arrays: dict[str, np.ndarray], name: str) -> torch.Tensor:
    """One array of the oracle as a batch of one, float32."""
    return torch.from_numpy(np.ascontiguousarray(arrays[name], dtype=np.float32))[None]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@torch.no_grad()
def test_oracle_generator(path) -> None:
    arrays = load(path)
    transforms = batched(arrays, "transforms8")[..., :6].unflatten(-1, (2, 3))
    drawn = generator_of(arrays)(
        *(batched(arrays, name) for name in ("src", "pose_src", "pose_tgt")),
        transforms,
        batched(arrays, "masks"),
    )
    # the oracle's own tolerance, float32 through a dozen layers
    torch.testing.assert_close(drawn, batched(arrays, "out"), rtol=0, atol=1e-4)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@torch.no_grad()
def test_oracle_discriminator(path) -> None:
    arrays = load(path)
    network = discriminator_of(arrays)
    source, source_pose, target_pose = (batched(arrays, name) for name in ("src", "pose_src", "pose_tgt"))
    for image, expected in (("tgt", "d_real"), ("out", "d_fake")):
        found = network(source, source_pose, batched(arrays, image), target_pose)
        np.testing.assert_allclose(found[0].numpy(), arrays[expected], rtol=0, atol=1e-4)


@pytest.mark.parametrize("path", GEOMETRY, ids=lambda p: p.stem)
def test_oracle_deformable_skip(path) -> None:
    """Exact: a gather and a maximum change no digit. Rounding ties are left out, as the oracle says."""
    arrays = load(path)
    size = int(arrays["masks_shape"][-1])
    masks = np.unpackbits(arrays["masks_packed"], axis=-1)[..., :size]
    transforms = torch.from_numpy(arrays["transforms8"][..., :6].reshape(-1, masks.shape[1], 2, 3)).float()
    sides = sorted(int(key.removeprefix("feat_in_")) for key in arrays if key.startswith("feat_in_"))
    assert sides
    for side in sides:
        features = torch.from_numpy(arrays[f"feat_in_{side}"])
        cases = len(features)
        found = deformable_skip(features, transforms[:cases], torch.from_numpy(masks[:cases])).numpy()
        clear = np.broadcast_to(arrays[f"no_tie_{side}"][:, None], found.shape)
        assert clear.mean() > 0.9
        np.testing.assert_array_equal(found[clear], arrays[f"feat_out_{side}"][clear])
    expected = arrays[f"coordmap_out_{size}"]
    span = torch.arange(size, dtype=torch.float32)
    coordinates = torch.stack([span.expand(size, size), span[:, None].expand(size, size)])
    cases = len(expected)
    found = deformable_skip(
        coordinates.expand(cases, -1, -1, -1), transforms[:cases], torch.from_numpy(masks[:cases])
    ).numpy()
    clear = np.broadcast_to(arrays[f"no_tie_{size}"][:, None], found.shape)
    np.testing.assert_array_equal(found[clear], expected[clear])


@pytest.mark.parametrize(
    ("side", "warps", "count"),
    [(256, True, 82_080_611), (128, True, 61_109_085), (512, True, 103_052_137), (256, False, 48_655_449)],
)
def test_generator_count(side: int, warps: bool, count: int) -> None:
    with torch.device("meta"):
        network = Generator(PAPER[side], warps=warps)
    assert sum(one.numel() for one in network.parameters()) == count


def test_generator_count_of_the_small_baseline() -> None:
    with torch.device("meta"):
        network = Generator(PAPER[128], warps=False)
    assert sum(one.numel() for one in network.parameters()) == 36_072_533


def test_discriminator_count_and_patches() -> None:
    with torch.device("meta"):
        network = Discriminator((64, 128, 256, 512))
        assert sum(one.numel() for one in network.parameters()) == 2_803_782
        for (height, width), patches in {(256, 256): 49, (128, 128): 9, (128, 64): 3}.items():
            image, pose = torch.zeros(1, 3, height, width), torch.zeros(1, 18, height, width)
            assert network(image, pose, image, pose).shape == (1, patches)


def test_norm_by_hand() -> None:
    """Values 1, 3 (channel 0) and 5, 7 (channel 1): mean 4, population deviation sqrt(5)."""
    norm = WholeNorm()
    with torch.no_grad():
        norm.gamma.fill_(2.0)
        norm.beta.fill_(-1.0)
    x = torch.tensor([[[[1.0, 3.0]], [[5.0, 7.0]]]])
    expected = (x - 4.0) / (5.0**0.5 + 1e-3) * 2.0 - 1.0
    torch.testing.assert_close(norm(x), expected, rtol=0, atol=1e-6)
    flat = torch.zeros(1, 2, 3, 3, requires_grad=True)
    norm(flat).sum().backward()  # no deviation at all: no NaN
    assert torch.isfinite(flat.grad).all()


def test_identity_keeps_features() -> None:
    features = torch.randn(2, 3, 8, 8)
    masks = torch.ones(2, 1, 16, 16)
    torch.testing.assert_close(
        deformable_skip(features, IDENTITY.expand(2, 1, 2, 3), masks), features, rtol=0, atol=0
    )


def test_shift_and_mask_by_hand() -> None:
    """The target reads 4 image pixels = 2 places to the right; the mask's left half only; nowhere else."""
    features = -torch.arange(1.0, 9.0).expand(1, 1, 8, 8)
    transform = IDENTITY.clone()
    transform[0, 2] = 4.0
    masks = torch.ones(1, 1, 16, 16)
    masks[..., 8:] = 0
    found = deformable_skip(features, transform.expand(1, 1, 2, 3), masks)
    expected = torch.tensor([-3.0, -4.0, -5.0, -6.0, 0.0, 0.0, 0.0, 0.0])
    torch.testing.assert_close(found, expected.expand(1, 1, 8, 8), rtol=0, atol=0)


def test_half_a_pixel_rounds_away_from_zero() -> None:
    transform = IDENTITY.clone()
    transform[:, 2] = torch.tensor([0.5, -0.5])
    places = sampled_places(transform.expand(1, 1, 2, 3), torch.ones(1, 1, 4, 4), (4, 4), 1).view(4, 4)
    # column c reads c + 1, row 0 reads row -1 (none), row r > 0 reads r - 0.5 -> r
    assert places[0].tolist() == [16] * 4
    assert places[2].tolist() == [9, 10, 11, 16]


def test_absurd_transforms_read_nothing() -> None:
    wild = torch.tensor([[[1e30, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    features = torch.ones(1, 1, 4, 4)
    found = deformable_skip(features, wild[None], torch.ones(1, 1, 4, 4))
    assert found[..., 1:].abs().max() == 0  # column 0 alone has a finite place
    nowhere = torch.from_numpy(NOWHERE).float().expand(1, 1, 2, 3)
    assert deformable_skip(features, nowhere, torch.ones(1, 1, 4, 4)).abs().max() == 0


def test_maximum_over_parts_and_its_gradient() -> None:
    """Two parts: where both are, the larger feature wins, channel by channel, and gets the gradient."""
    features = torch.tensor([[[[1.0, 5.0]], [[4.0, 2.0]]]], requires_grad=True)
    swapped = torch.tensor([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    masks = torch.ones(1, 2, 1, 2)
    found = deformable_skip(features, torch.stack([IDENTITY, swapped])[None], masks)
    torch.testing.assert_close(found, torch.tensor([[[[5.0, 5.0]], [[4.0, 4.0]]]]), rtol=0, atol=0)
    found.sum().backward()
    torch.testing.assert_close(features.grad, torch.tensor([[[[0.0, 2.0]], [[2.0, 0.0]]]]), rtol=0, atol=0)


def test_features_of_another_shape() -> None:
    with pytest.raises(ValueError, match="features of 5x5"):
        deformable_skip(torch.zeros(1, 1, 5, 5), IDENTITY.expand(1, 1, 2, 3), torch.ones(1, 1, 16, 16))


def test_a_sample_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    network = Generator((4, 6, 8)).eval()
    glorot(network)
    images, poses, more = torch.rand(3, 3, 16, 16), torch.rand(3, 18, 16, 16), torch.rand(3, 18, 16, 16)
    transforms = IDENTITY + 0.1 * torch.randn(3, 4, 2, 3)
    masks = (torch.rand(3, 4, 16, 16) > 0.5).float()
    with torch.no_grad():
        together = network(images, poses, more, transforms, masks)
        for row in range(3):
            one = slice(row, row + 1)
            alone = network(images[one], poses[one], more[one], transforms[one], masks[one])
            torch.testing.assert_close(alone, together[one], rtol=0, atol=1e-5)  # order of float32 sums
    assert together.abs().max() <= 1.0


def test_without_warping_transforms_are_unused() -> None:
    torch.manual_seed(0)
    network = Generator((4, 6, 8), warps=False).eval()
    inputs = torch.rand(1, 3, 16, 16), torch.rand(1, 18, 16, 16), torch.rand(1, 18, 16, 16)
    masks = torch.ones(1, 1, 16, 16)
    with torch.no_grad():
        straight = network(*inputs, IDENTITY[None, None], masks)
        turned = network(*inputs, -IDENTITY[None, None], masks)
    torch.testing.assert_close(straight, turned, rtol=0, atol=0)


def test_glorot_bounds_and_biases() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, 4)
    glorot(nn.Sequential(layer))
    bound = (6.0 / (16 * (3 + 5))) ** 0.5
    assert layer.weight.abs().max() <= bound
    assert layer.weight.abs().max() > 0.9 * bound
    assert layer.bias is not None
    assert layer.bias.abs().max() == 0
