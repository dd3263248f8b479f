"""The network is SHUP's, see ``baselines/shup/network.py``; MetaPix adds the outer loop alone."""

from __future__ import annotations

from ..shup.network import ShupGenerator

__all__ = ["ShupGenerator"]
