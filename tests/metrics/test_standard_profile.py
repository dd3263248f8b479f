"""Profile `standard` with seeded weights: Body-CS, Body-FD and FID against the networks called by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageFilter

from iper_bench.metrics.backbones import inception, osnet, person_detector
from iper_bench.metrics.backbones.person_detector import IDENTITY as DETECTOR
from iper_bench.metrics.backbones.person_detector import PERSON
from iper_bench.metrics.suite import FrameSet, MetricSuite
from tests.metrics.seeded_weights import seeded
from tests.metrics.small_detector import everything_is, small_images

HEIGHT, WIDTH = 72, 48
OSNET_SHARES = {"conv3.bn.weight": 0.1}  # or its gates saturate
MEAN, DEVIATION = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])  # ImageNet's


@pytest.fixture(scope="module")
def nets():
    """OSNet and the FID graph with seeded weights."""
    body, whole = osnet.graph(instance_norm=False), inception.fid_graph()
    body.load_state_dict(seeded(body, shares=OSNET_SHARES))
    whole.load_state_dict(seeded(whole))
    return body.eval(), whole.eval()


@pytest.fixture(scope="module")
def suite(nets, tmp_path_factory):
    """The profile over a folder of these weights, whose hashes cannot be the published ones."""
    folder = tmp_path_factory.mktemp("weights")
    body, whole = nets
    torch.save(body.state_dict(), folder / osnet.STANDARD_IDENTITY.files[-1])
    torch.save(whole.state_dict(), folder / inception.STANDARD_IDENTITY.files[0])
    torch.save(everything_is(PERSON), folder / DETECTOR.files[0])  # the person is the whole frame
    with pytest.MonkeyPatch.context() as patch, small_images():
        patch.setattr(person_detector, "IDENTITY", replace(DETECTOR, sha256=None))
        patch.setattr(inception, "STANDARD_IDENTITY", replace(inception.STANDARD_IDENTITY, sha256=None))
        yield MetricSuite(["standard"], weights_dir=folder)
    for path in folder.iterdir():
        path.unlink()


@pytest.fixture(scope="module")
def frames():
    """Two frames and blurred ones."""
    astronaut = skimage.data.astronaut()
    truths = [
        np.ascontiguousarray(astronaut[y : y + HEIGHT, x : x + WIDTH]) for y, x in ((60, 190), (90, 200))
    ]
    blurred = [np.asarray(Image.fromarray(f).filter(ImageFilter.GaussianBlur(2))) for f in truths]
    return np.stack(truths), np.stack(blurred)


def body_features(net, frames):
    crops = [np.asarray(Image.fromarray(f).resize((128, 256), Image.Resampling.BILINEAR)) for f in frames]
    inputs = ((np.stack(crops) / 255 - MEAN) / DEVIATION).transpose(0, 3, 1, 2).astype(np.float32)
    with torch.inference_mode():
        return net(torch.from_numpy(inputs)).double().numpy()


def whole_features(net, frames):
    def resized(plane):
        image = Image.fromarray(plane.astype(np.float32))
        return np.clip(np.asarray(image.resize((299, 299), Image.Resampling.BICUBIC)), 0, 255)

    inputs = np.stack([[resized(frame[..., channel]) for channel in range(3)] for frame in frames])
    with torch.inference_mode():
        return inception.pooled(net, torch.from_numpy((inputs - 128) / 128)).double().numpy()


def distance(ours, theirs):
    """Frechet distance by the eigenvalues of the small product of centred samples."""
    first, second = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
    across = first @ second.T
    root = np.sqrt(np.linalg.eigvalsh(across @ across.T).clip(0)).sum()
    spread = (first**2).sum() + (second**2).sum() - 2 * root
    return ((ours.mean(axis=0) - theirs.mean(axis=0)) ** 2).sum() + spread / (len(ours) - 1)


def by_name(values):
    return {value.metric: value for value in values}


def test_body_similarity_and_rates(suite, nets, frames):
    truths, blurred = frames
    values = by_name(suite.measure(FrameSet([blurred], truths=[truths]), "self").values)
    ours, theirs = body_features(nets[0], blurred), body_features(nets[0], truths)
    expected = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    for name in ("Body-CS", "Body-CS/detected"):
        assert values[name].per_frame == pytest.approx(expected, abs=1e-5), name
        assert values[name].value == pytest.approx(expected.mean(), abs=1e-5)
        assert values[name].value < 1 - 1e-4
    assert values["Body-CS"].backbone.startswith("osnet_x1_0_reid@")
    assert values["Body-rate/prediction"].value == values["Body-rate/reference"].value == 1
    assert "20180402-114759-vggface2" in values["Face-CS"].reason
    same = by_name(suite.measure(FrameSet([truths], truths=[truths]), "self").values)
    assert same["Body-CS"].value == pytest.approx(1, abs=1e-12)


def test_distances_between_sets(suite, nets, frames):
    truths, blurred = frames

    def pooled(predictions, batches):
        stream = np.array_split(predictions, batches)
        unit = suite.measure(FrameSet(stream, reals=[truths]), "cross")
        return by_name(suite.pool([unit.features]))

    values = pooled(blurred, 1)
    for name, features, net in (("FID", whole_features, nets[1]), ("Body-FD", body_features, nets[0])):
        expected = distance(features(net, blurred), features(net, truths))
        assert expected > 0
        assert values[name].value == pytest.approx(expected, rel=1e-3), name
    other = pooled(blurred[::-1], 2)
    assert other["FID"].value == pytest.approx(values["FID"].value, rel=1e-9)
    same = pooled(truths, 1)
    assert same["FID"].value == pytest.approx(0, abs=1e-9 * values["FID"].value)
    assert same["Body-FD"].value == pytest.approx(0, abs=1e-9 * values["Body-FD"].value)
    assert values["FID"].backbone.startswith("inception_fid_2015_12_05@")
