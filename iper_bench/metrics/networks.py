"""Feature networks by name, each loaded once per process on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.bench import Bench


def _efficientnet(bench: Bench) -> Network:
    return _efficientnet_pair(bench)[0]


def _efficientnet_pair(bench: Bench) -> tuple[Network, Network]:
    from iper_bench.metrics.backbones import efficientnet_lite0

    return bench.once("efficientnet_lite0/pair", lambda: efficientnet_lite0.load(bench.device))


def _inception_torchvision(bench: Bench) -> Network:
    from iper_bench.metrics.backbones import inception

    return inception.load_paper(bench.weights(inception.PAPER_IDENTITY), bench.device)


def _inception_fid(bench: Bench) -> Network:
    from iper_bench.metrics.backbones import inception

    return inception.load_standard(bench.weights(inception.STANDARD_IDENTITY), bench.device)


def _osnet_reid(bench: Bench) -> Network:
    from iper_bench.metrics.backbones import osnet

    return osnet.load_standard(bench.weights(osnet.STANDARD_IDENTITY), bench.device)


def _osnet_paper(bench: Bench) -> Network:
    from iper_bench.metrics.backbones import osnet

    return osnet.load_paper(bench.weights(osnet.PAPER_IDENTITY), bench.device)


def _pcb(bench: Bench) -> Network:
    from iper_bench.metrics.backbones import pcb

    return pcb.load(bench.weights(pcb.IDENTITY), bench.device)


def _facenet(bench: Bench) -> Network:
    from iper_bench.metrics.backbones import facenet

    return facenet.load(bench.weights(facenet.IDENTITY), bench.device)


def _hmr(bench: Bench) -> Network:
    from iper_bench.metrics.backbones import hmr

    return hmr.load(bench.weights(hmr.IDENTITY), bench.device)


_FEATURES: Mapping[str, Callable[[Bench], Network]] = {
    "efficientnet_lite0": _efficientnet,
    "inception_v3_torchvision": _inception_torchvision,
    "inception_fid_2015_12_05": _inception_fid,
    "osnet_x1_0_reid": _osnet_reid,
    "osnet_ibn_x1_0_imagenet": _osnet_paper,
    "pcb_market1501": _pcb,
    "facenet_vggface2": _facenet,
    "hmr_iccv": _hmr,
}


def feature_network(name: str, bench: Bench) -> Network:
    """The embedding network of that name. Raises MissingWeightsError."""
    return bench.once(f"network/{name}", lambda: _FEATURES[name](bench))


def map_network(name: str, values: str, bench: Bench) -> Network:
    """The network of that name with its taps, fed with ``values``. Raises MissingWeightsError, ValueError for
    values that it cannot be fed with.
    """
    if name == "efficientnet_lite0":
        if values != "own":
            raise ValueError(f"{name} takes its own values, not {values}")
        return _efficientnet_pair(bench)[1]
    if values == "own":
        raise ValueError(f"{name} takes values signed or unit, not own")
    from iper_bench.metrics.backbones import lpips_trunks

    trunk = name.removeprefix("lpips_")
    file = bench.weights(lpips_trunks.TRUNKS[trunk].identity)
    return bench.once(
        f"network/{name}/{values}", lambda: lpips_trunks.load(trunk, file, bench.device, values=values)
    )
