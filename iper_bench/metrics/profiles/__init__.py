"""The profiles: exact metric definitions under one name each."""

from __future__ import annotations

from iper_bench.metrics.profiles.profile import Profile
from iper_bench.registry import Registry

PROFILES: Registry[Profile] = Registry("profile")
PROFILES.add("legacy", "iper_bench.metrics.profiles.legacy:PROFILE")
PROFILES.add("offline", "iper_bench.metrics.profiles.offline:PROFILE")
PROFILES.add("paper", "iper_bench.metrics.profiles.paper:PROFILE")
PROFILES.add("standard", "iper_bench.metrics.profiles.standard:PROFILE")
