"""Masks, edges and the morph image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from iper_bench.flow.morph_image import morph_image, silhouettes
from iper_bench.flow.morphology import dilate, edge_gradient, erode, majority, thin_edges
from iper_bench.flow.neighbours import nearest_places
from tests.oracles import config, load, oracle_files

ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/morphology*.npz")]


@pytest.mark.parametrize("path", ORACLES)
def test_masks_agree_with_the_official_code(path) -> None:
    data = load(path)
    mask = torch.from_numpy(data["in/mask"])
    for kernel in config(path)["kernel_sizes"]:
        for name, function in (("erode", erode), ("dilate", dilate), ("soft_dilate", majority)):
            expected = data[f"out/{name}_{kernel}"]
            # Sums of soft values that equal the threshold up to rounding may fall either way.
            stable = ~data.get(f"out/{name}_{kernel}_unstable", np.zeros(expected.shape, bool))
            np.testing.assert_array_equal(function(mask, kernel).numpy()[stable], expected[stable])


@pytest.mark.parametrize("path", ORACLES)
def test_edges_agree_with_the_official_code(path) -> None:
    data = load(path)
    expected = data["out/canny_thin_edges"]
    masks = torch.from_numpy(data["in/mask"])[: len(expected)]
    gradient = edge_gradient(masks)
    for mine, name in ((gradient.blurred, "blurred"), (gradient.magnitude, "grad_magnitude")):
        np.testing.assert_allclose(mine.numpy(), data[f"out/canny_{name}"], rtol=0, atol=1e-6)
    found = thin_edges(masks).numpy()
    stable = data["out/canny_stable"]
    np.testing.assert_array_equal(found[stable], expected[stable] > 0)
    assert stable.mean() > 0.9  # float32 and float64 decide differently in a few pixels only


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_binary_masks_agree_with_scipy(kernel) -> None:
    mask = np.random.default_rng(0).random((40, 30)) > 0.4
    box = np.ones((kernel, kernel), bool)
    tensor = torch.from_numpy(mask.astype(np.float32))[None, None]
    np.testing.assert_array_equal(
        erode(tensor, kernel)[0, 0].numpy() > 0, ndimage.binary_erosion(mask, box, border_value=1)
    )
    np.testing.assert_array_equal(
        dilate(tensor, kernel)[0, 0].numpy() > 0, ndimage.binary_dilation(mask, box)
    )


def test_soft_values_erode_like_zero() -> None:
    assert erode(torch.tensor([[[[1.0, 0.999, 0.0]]]]), 1).tolist() == [[[[1.0, 0.0, 0.0]]]]


@pytest.mark.parametrize("kernel", [0, 2, -3])
def test_refuses_even_windows(kernel) -> None:
    with pytest.raises(ValueError, match="expected an odd number"):
        erode(torch.zeros(1, 1, 4, 4), kernel)


def test_nearest_places_against_all_distances() -> None:
    rng = np.random.default_rng(0)
    places = rng.permutation(np.argwhere(rng.random((30, 30)) > 0.9))
    queries = np.argwhere(rng.random((30, 30)) > 0.5)
    index, squared = nearest_places(places, queries, 3)
    full = np.square(places[None] - queries[:, None]).sum(-1)
    order = np.argsort(full, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(index, order)
    np.testing.assert_array_equal(squared, np.take_along_axis(full, order, 1))


def _disc(size: int = 48, radius: float = 14.0) -> torch.Tensor:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return torch.from_numpy((np.hypot(x, y) < radius).astype(np.float32))[None, None]


def test_morph_image_of_one_colour_is_one_colour() -> None:
    alpha = _disc()
    confident, outer = silhouettes(alpha, 1.0 - alpha, 3, 9)
    image = torch.where(alpha > 0, torch.tensor([0.5, -0.25, 0.75]).reshape(1, 3, 1, 1), -1.0)
    # The background is black; none of it may enter the band.
    result = morph_image(image, confident, outer)
    expected = torch.tensor([0.5, -0.25, 0.75]).reshape(1, 3, 1, 1) * outer
    edges = thin_edges(confident)
    assert (image[:, :1][edges] == 0.5).all()
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)
    cut = morph_image(image, confident, outer, fill_band=False)
    assert torch.equal(cut, image * confident)


def test_given_edges_colour_the_band() -> None:
    alpha = _disc()
    confident, outer = silhouettes(alpha, 1.0 - alpha, 3, 9)
    image = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    edges = torch.zeros(1, 1, 48, 48, dtype=torch.bool)
    edges[..., 24, 20] = True
    band = (outer > 0) & (confident == 0)
    expected = torch.where(band, image[..., 24:25, 20:21], image * confident)
    # The only edge pixel has the whole weight, a quotient of equal float64 numbers.
    torch.testing.assert_close(morph_image(image, confident, outer, edges=edges), expected, atol=1e-6, rtol=0)


def test_morph_image_without_a_person() -> None:
    nobody = torch.zeros(1, 1, 16, 16)
    confident, outer = silhouettes(nobody, 1.0 - nobody, 3, 5)
    assert (morph_image(torch.ones(1, 3, 16, 16), confident, outer) == 0).all()


def test_a_person_of_few_edge_pixels_is_finite() -> None:
    alpha = torch.zeros(1, 1, 16, 16)
    alpha[..., 6:9, 6:9] = 1.0
    confident, outer = silhouettes(alpha, 1.0 - alpha, 3, 5)
    assert torch.isfinite(morph_image(torch.ones(1, 3, 16, 16), confident, outer)).all()
