"""The one list of networks: complete, and its addresses and hashes agree with its file names."""

from __future__ import annotations

import importlib
import pkgutil
from urllib.parse import urlsplit

import pytest

from iper_bench.errors import UserError
from iper_bench.metrics import backbones
from iper_bench.metrics.backbones.identities import BACKBONES, IDENTITIES, backbone
from iper_bench.metrics.backbones.lpips_trunks import TRUNKS
from iper_bench.metrics.weight_fetch import fetched_name
from iper_bench.metrics.weights import Identity


def test_no_network_is_forgotten():
    found = {trunk.identity.name for trunk in TRUNKS.values()}
    for module in pkgutil.iter_modules(backbones.__path__):
        values = vars(importlib.import_module(f"{backbones.__name__}.{module.name}")).values()
        found |= {value.name for value in values if isinstance(value, Identity)}
    assert found
    assert found <= set(BACKBONES)
    assert [identity.name for identity in IDENTITIES] == list(BACKBONES)


def test_names_and_files_are_unique_and_stay_in_their_folder():
    names = [file for identity in IDENTITIES for file in identity.files]
    assert len(set(names)) == len(names)
    for name in [*names, *BACKBONES]:
        assert "/" not in name
        assert not name.startswith(".")


@pytest.mark.parametrize("identity", [one for one in IDENTITIES if one.url], ids=lambda one: one.name)
def test_addresses_are_safe_and_end_in_an_accepted_name(identity):
    assert urlsplit(identity.url).scheme == "https"
    assert fetched_name(identity) in identity.files


def test_torchvision_s_files_carry_their_hashes():
    expected = {file: one.expected(file) for one in IDENTITIES for file in one.files}
    for file, start in {
        "alexnet-owt-7be5be79.pth": "7be5be79",
        "alexnet-owt-4df8aa71.pth": "4df8aa71",
        "vgg16-397923af.pth": "397923af",
        "squeezenet1_1-b8a52dc0.pth": "b8a52dc0",
        "squeezenet1_1-f364aa15.pth": "f364aa15",
        "inception_v3_google-1a9a5a14.pth": "1a9a5a14",
        "inception_v3_google-0cc3c7bd.pth": "0cc3c7bd",
        "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth": "dd69338a",
        "weights-inception-2015-12-05-6726825d.pth": "6726825d",
        "pt_inception-2015-12-05-6726825d.pth": "6726825d",
    }.items():
        assert expected[file] == start
    assert expected["20180402-114759-vggface2.pt"] is None


@pytest.mark.parametrize("name", ["../facenet_vggface2", "/etc/passwd", "facenet", "", "lpips_alex\n"])
def test_unknown_names_are_refused_with_the_nearest(name):
    with pytest.raises(UserError, match="unknown network") as caught:
        backbone(name)
    assert "\n" not in str(caught.value)
    if name == "facenet":
        assert "did you mean facenet_vggface2" in str(caught.value)
