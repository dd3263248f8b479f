"""Methods as somebody else would write them: one that keeps the contract, and what breaks it."""

from __future__ import annotations

#: a module with a method that keeps the contract; tests change single lines of it
GOOD = """
import hashlib
import numpy as np


def level(*arrays):
    data = b"".join(np.ascontiguousarray(one).tobytes() for one in arrays)
    return hashlib.sha256(data).digest()[0] // 2 + 64


class Person:
    def __init__(self, sources, steps, seed):
        self.sources, self.steps, self.seed = sources, steps, seed

    def render(self, targets):
        frame = self.sources.frames[0]
        for pose in targets.track.poses:
            shown = frame.copy()
            shown[:8, :8] = level(pose)
            yield shown[None]


class Good:
    name, trains = "good", True

    def __init__(self):
        self.identity = "good-1"

    def personalize(self, sources, *, steps, seed):
        return Person(sources, steps, seed)

    def checkpoints(self, sources, *, steps, seed):
        for wanted in sorted(set(steps)):
            yield wanted, self.personalize(sources, steps=wanted, seed=seed)
"""
