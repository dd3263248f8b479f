"""One clip of the embedded dataset as the files of the MotionSynthetic layout, see
:mod:`iper_bench.data.synthetic.export`.

MotionSynthetic opens every clip with eight views of the turning person; the embedded dataset turns in more
and in steady steps. So the eight frames of the turn that show the views come first, in the order of
:data:`VIEWS`, the action follows, and the other frames of the turn are left out.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.camera import project
from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.recovery.keypoint_joints import JOINTS, LAYOUTS, PointBody
from iper_bench.data.clip import BodyTrack
from iper_bench.data.image_io import encode_png
from iper_bench.data.layouts.processed_video import ALPHA_SUFFIX, FINISHED, IMAGES, INFO, PARSE, STAGES
from iper_bench.data.synthetic.blending import Floats
from iper_bench.data.synthetic.casting import Part
from iper_bench.data.synthetic.film import BLOCK, Block, Film
from iper_bench.data.synthetic.renderer import one_thread
from iper_bench.data.synthetic.scene import Scene, stage
from iper_bench.data.synthetic.true_flow import surface_flow

#: degrees of the first eight frames: 0 faces the camera, 90 looks to the left edge of the image
VIEWS = (0, 45, 315, 90, 180, 135, 225, 270)
FRONTAL = 4  # of the views: the four that show most of the front are ft_ids, the others bk_ids
KEYPOINTS = "cocoplus19"
EMPTY = ("background", "actual_background")  # folders that iPERCore lists
FPS = 30.0  # key poses are drawn for 30 frames per second (motion.py)


def headings(roots: NDArray[Any]) -> NDArray[np.float64]:
    """Degrees (N,) in [0, 360) of the chest for root rotations (N, 3) in axis-angle radians, as in
    :data:`VIEWS`. Must agree with :func:`iper_bench.body.heading.heading_and_tilt` to 1e-3.
    """
    chest = rotation_matrices(torch.from_numpy(np.asarray(roots, np.float64)))[..., 2].numpy()
    return np.degrees(np.arctan2(-chest[:, 0], -chest[:, 2])) % 360.0


def view_frames(poses: Floats) -> list[int]:
    """The frames of a turn (N, 72) that show :data:`VIEWS`, in that order: the nearest ones."""
    found = headings(poses[:, :3])
    apart = [np.abs((found - view + 180.0) % 360.0 - 180.0) for view in VIEWS]
    return [int(distance.argmin()) for distance in apart]


def front_and_back(roots: NDArray[Any]) -> tuple[list[int], list[int]]:
    """Which of eight frames with ``roots`` (8, 3) show the front, most frontal first, and which the back,
    most dorsal first. Side views, which show as much of both, are told apart by their place.
    """
    facing = np.round(np.cos(np.radians(headings(roots))), 3)
    ranked = sorted(range(len(facing)), key=lambda place: (-facing[place], place))
    back = sorted(ranked[FRONTAL:], key=lambda place: (facing[place], place))
    return ranked[:FRONTAL], back


def portable_pickle(content: dict[str, Any]) -> bytes:
    """A pickle of protocol 2 that old numpy reads as well: from version 2 on numpy writes the new name of a
    module that version 1 has under the old one, and reads both.
    """
    return pickle.dumps(content, protocol=2).replace(
        b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"
    )


@dataclass(frozen=True, eq=False)
class ExportedClip:
    """A clip under its MotionSynthetic name, ready to be written.

    Attributes
    ----------
    film, part: where it comes from.
    name: for example ``"actor003_outfit1_0007"``.
    """

    film: Film
    part: Part
    name: str

    @cached_property
    def order(self) -> list[int]:
        """The frame of the embedded dataset that every written frame is."""
        turn_frames = self.film.config.turn_frames
        views = view_frames(self.film.opening(self.part).track.poses[:turn_frames])
        return [*views, *range(turn_frames, self.film.length(self.part))]

    @cached_property
    def track(self) -> BodyTrack:
        """The body of every written frame."""
        return self.film.opening(self.part).track.take(self.order)

    @cached_property
    def scene(self) -> Scene:
        """The scene that the frames show."""
        return self.film.scene(self.part)

    @property
    def video(self) -> str:
        """File of the video."""
        return f"videos/{self.name}.mp4"

    @property
    def processed(self) -> str:
        """Folder of iPERCore's preprocessing."""
        return f"primitives/{self.name}/processed"

    def frames(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Frames (S, S, 3) and mattes (S, S) uint8 in written order."""
        number, block = -1, None
        for index in self.order:
            if block is None or index // BLOCK != number:
                number = index // BLOCK
                block = self._block(number)
            yield block[0][index % BLOCK], block[1][index % BLOCK]

    def _block(self, number: int) -> Block:
        return self.film.block(self.part, number)

    def files(self, root: Path) -> Iterator[tuple[str, bytes]]:
        """Names under ``root`` and contents of all files but the video, one after the other."""
        processed = self.processed
        truth = f"truth/{self.name}"
        for place, (frame, matte) in enumerate(self.frames()):
            stem, mask = frame_stem(place), encode_png(matte)
            yield f"{processed}/{IMAGES}/{stem}.png", encode_png(frame)
            yield f"{processed}/{PARSE}/{stem}{ALPHA_SUFFIX}", mask
            yield f"{truth}/masks/{stem}.png", mask
            yield f"{truth}/flow/{stem}.npz", self._flow(place)
        joints = self._joints()
        yield f"poses/{self.name}/pose_shape.pkl", portable_pickle(self.pose_shape())
        yield f"poses/{self.name}/kps.pkl", portable_pickle(joints)
        yield f"{truth}/body.npz", self._body(joints)
        yield f"{truth}/background.png", encode_png(self.film.opening(self.part).room)
        yield f"{processed}/{INFO}", portable_pickle(self.video_info(root))

    def pose_shape(self) -> dict[str, Any]:
        """Content of ``pose_shape.pkl``. The offsets are zero: the bodies are nude, as those that an
        estimator finds; the clothed surface stands in ``truth``.
        """
        front, back = front_and_back(self.track.poses[: len(VIEWS), :3])
        vertices = stage(self.film.config.body).body.vertex_count
        return {
            "cams": self.track.cams,
            "pose": self.track.poses,
            "shape": self.track.betas[None],
            "ft_ids": front,  # lists, not arrays: readers concatenate them with +
            "bk_ids": back,
            "views": list(VIEWS),
            "offsets": np.zeros((vertices, 3), np.float32),
        }

    def video_info(self, root: Path) -> dict[str, Any]:
        """Content of ``vid_info.pkl``, with the absolute paths that iPERCore's own reader wants."""
        count, size = len(self.order), self.film.config.size
        folder = (root / self.processed).absolute()
        front, back = front_and_back(self.track.poses[: len(VIEWS), :3])
        ids = list(range(count))
        return {
            "input_info": {
                "meta_input": {
                    "path": str((root / self.video).absolute()),
                    "bg_path": "",
                    "name": self.name,
                    "fps": FPS,
                },
                "processed_dir": str(folder),
                "vid_info_path": str(folder / INFO),
            },
            **_folders(folder),
            "src_num_imgs": 0,
            "orig_shape": (size, size),
            **dict.fromkeys((*STAGES, FINISHED), True),
            "valid_img_info": {
                "names": [f"{frame_stem(place)}.png" for place in ids],
                "ids": ids,
                "crop_ids": ids,
                "pose3d_ids": ids,
                "parse_ids": ids,
                "stage": "parser",
            },
            "processed_pose3d": {
                "cams": self.track.cams,
                "pose": self.track.poses,
                "shape": np.repeat(self.track.betas[None], count, axis=0),
            },
            "processed_front_info": {"ft": {"ids": front + back}, "bk": {"ids": back + front}},
            "processed_parse": {"mask_suffix": "mask.png", "alpha_suffix": "alpha.png"},
            "processed_background": {
                "inpainted_suffix": "_inpainted.png",
                "replaced_suffix": "_replaced.png",
                "replace": False,
            },
            "processed_deform": {"links": None, "offsets": None},
        }

    def _flow(self, place: int) -> bytes:
        stream = io.BytesIO()
        np.savez_compressed(stream, flow=surface_flow(self.scene, self.order[0], self.order[place]))
        return stream.getvalue()

    def _joints(self) -> dict[str, Any]:
        """Content of ``kps.pkl``."""
        track = self.track
        points = PointBody(stage(self.film.config.body).body, KEYPOINTS)
        with one_thread(), torch.no_grad():
            rotations = rotation_matrices(torch.from_numpy(track.poses).double().reshape(-1, 24, 3))
            posed = points.pose(torch.from_numpy(track.betas).double(), rotations)
            cams = torch.from_numpy(track.cams).double()
            kps, joints = (project(places, cams)[..., :2].float().numpy() for places in posed)
        return {
            "kps": kps,
            "kps_names": list(LAYOUTS[KEYPOINTS]),
            "joints2d": joints,
            "joints3d": posed.joints.float().numpy(),
            "joint_names": list(JOINTS),
        }

    def _body(self, joints: dict[str, Any]) -> bytes:
        track, stream = self.track, io.BytesIO()
        with one_thread(), torch.no_grad():
            offsets = self.scene.appearance.offsets(stage(self.film.config.body).body)
        np.savez(
            stream,
            betas=track.betas,
            poses=track.poses,
            cams=track.cams,
            body=np.array(self.film.config.body),
            offsets=offsets,
            joints2d=joints["joints2d"],
            joints3d=joints["joints3d"],
        )
        return stream.getvalue()


def _folders(processed: Path) -> dict[str, str]:
    return {
        "src_img_dir": str(processed / "orig_images"),
        "out_img_dir": str(processed / IMAGES),
        "out_bg_dir": str(processed / EMPTY[0]),
        "out_actual_bg_dir": str(processed / EMPTY[1]),
        "out_parse_dir": str(processed / PARSE),
        "out_visual_path": str(processed / "visual.mp4"),
    }


def frame_stem(place: int) -> str:
    """Name of a frame without ending."""
    return f"frame_{place:08d}"
