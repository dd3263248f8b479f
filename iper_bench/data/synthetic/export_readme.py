"""The text that stands in an exported folder, see :mod:`iper_bench.data.synthetic.export`."""

MANIFEST = "export.json"  # by which an exported folder is known
README = """\
This folder was written by `iper-bench data make-synthetic --layout motionsynthetic`. It holds procedurally
made people in the folder layout of the MotionSynthetic dataset, and the exact truth beside it. No frame
shows a real person. It is not MotionSynthetic itself.

export.json   the configuration of which everything here is a function, and its fingerprint
train.txt     names of the training clips, one per line
val.txt       names of the test clips: actors, or outfits, that are not in train.txt
              Both list the clips that are finished. A name is <actor>_<outfit>_<number>.

videos/<name>.mp4   the frames at 30 per second, MPEG-4, compressed with loss

poses/<name>/pose_shape.pkl   a dictionary (pickle of protocol 2)
  cams (T, 3)       float32 weak perspective s, tx, ty: x = s (X + tx), y = s (Y + ty), both in [-1, 1] from
                    the upper left corner to the lower right one, y down
  pose (T, 72)      float32 axis-angle in radians, SMPL's 24 joints, root first
  shape (1, 10)     float32 shape coefficients of the body that export.json names, which is not SMPL's
  views             degrees of frames 0 to 7: 0 faces the camera, 90 looks to the left edge of the image
  ft_ids, bk_ids    which of them show the front and the back, best first
  offsets (V, 3)    zeros: the nude body

poses/<name>/kps.pkl   a dictionary; all points are of the nude body
  kps (T, 19, 2)       float32 x, y in [-1, 1] of HMR's 19 "cocoplus" points; hips and neck are SMPL's joints
  kps_names            their names in order
  joints2d (T, 24, 2)  float32 x, y in [-1, 1] of SMPL's joints
  joints3d (T, 24, 3)  float32 metres, x right, y down, z away from the camera
  joint_names          their names in order

primitives/<name>/processed/
  images/frame_00000000.png        frames, exact
  parse/frame_00000000_alpha.png   mattes, 255 = person with clothes and hair
  background/, actual_background/  empty; iPERCore lists them
  vid_info.pkl                     the index that iPERCore reads. It holds absolute paths: when the folder was
                                   moved, iPERCore needs it written again; iper-bench does not look at them

truth/<name>/
  body.npz                  betas (10,), poses (T, 72), cams (T, 3), body (its name), joints2d, joints3d, and
                            offsets (V, 3) in metres: added to the shaped T-pose before it is posed they give
                            the clothed surface that the frames show
  background.png            the room, the same in all frames; frames equal it where the matte is 0
  masks/frame_00000000.png  the same as parse/, which other tools may overwrite
  flow/frame_00000000.npz   flow (S, S, 2) float32: where each pixel of this frame comes from in frame 0, x, y
                            in [-1, 1]; -2 where this frame shows the room or frame 0 does not see the point
  clip.json                 the clip of the dataset `synthetic`, the frame of it that every frame here is
                            (order), and the sha256 of every file; written last
"""
