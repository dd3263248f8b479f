"""The network is pix2pixHD's, see ``baselines/pix2pixhd/network.py``; MetaPix adds the outer loop alone."""

from __future__ import annotations

from ..pix2pixhd.network import GlobalGenerator, MultiscaleDiscriminator

__all__ = ["GlobalGenerator", "MultiscaleDiscriminator"]
