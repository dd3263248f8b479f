"""The body that a prediction should show."""

from __future__ import annotations

from iper_bench.data.clip import BodyTrack
from iper_bench.methods.method import Sources, Targets


def predicted_track(sources: Sources, targets: Targets) -> BodyTrack:
    """The source person in the target's poses.

    In self-imitation under the target's own cameras; in cross-imitation under the camera of the first source
    moved like the driver's since his first frame (the ``smooth`` strategy, iPERCore's default).
    """
    if targets.same_person:
        cams = targets.track.cams
    else:
        import torch

        from iper_bench.body.camera import swap_camera

        driver = torch.from_numpy(targets.track.cams)
        source = torch.from_numpy(sources.track.cams[0])
        cams = swap_camera("smooth", source, driver, driver[0]).numpy()
    return BodyTrack(sources.track.betas, targets.track.poses, cams)
