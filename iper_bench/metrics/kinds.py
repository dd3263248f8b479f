"""The families of metrics with all their choices: the one place where a choice is put into words.

Each choice is implemented once, in the module named beside the field: ``frame`` in ``frame_rules.py``,
``detector`` in ``detectors.py``, ``box`` and ``crop`` in ``crops.py``, ``network`` in ``networks.py``, the
arithmetic in the metric's own file.
"""

from __future__ import annotations

from collections.abc import Mapping

from iper_bench.averages import PAPER_BATCH
from iper_bench.metrics.definition import Kind

Fields = Mapping[str, Mapping[str, str]]

FRAME = {
    "native": "uint8 RGB at native size",
    "linear-512": "uint8 RGB, OpenCV bilinear without antialiasing to 512x512 (aspect ratio not kept)",
    "white-pad-40": "uint8 RGB at native size with 40 white columns added on each side",
}
COLOUR = {"rgb": "the three channels", "grey": "8-bit grey of OpenCV (0.299 R + 0.587 G + 0.114 B, rounded)"}
AVERAGE_FRAMES = {
    "frames": "mean of frames",
    "batches-16": f"mean of means of batches of {PAPER_BATCH} frames, over the frames of all trials in the"
    " order of the protocol",
    "batches-16-zero": f"mean of means of batches of {PAPER_BATCH} frames, over the frames of all trials in"
    " the order of the protocol; a batch in which no frame counts is taken as 0",
}
NO_AVERAGE = {"none": "one value of the whole, no average"}

FEATURES: Fields = {
    "frame": FRAME,
    "detector": {
        "none": "the whole frame, nothing is looked for",
        "given": "the box that comes with the frame: the projected body enlarged by 1.05, or boxes of a file",
        "fasterrcnn": "torchvision's Faster R-CNN in the frame's own pixels, largest person of score 0.8 or"
        " more",
        "yolov3-spp": "YOLOv3-SPP in the frame's own pixels, objectness 0.8 or more, merging NMS at 0.4,"
        " largest person",
        "ultralytics": "YOLOv3 of ultralytics, largest person of score 0.8 or more",
        "mtcnn-20": "MTCNN of facenet-pytorch, minimum face 20 px, thresholds 0.6/0.7/0.7, largest box",
        "mtcnn-30-head": "MTCNN of facenet-pytorch, minimum face 30 px, thresholds 0.6/0.7/0.7, largest box,"
        " in the upper part of the given body box, enlarged",
    },
    "box": {
        "none": "no box",
        "clipped": "clipped to the frame and truncated to whole pixels",
        "1.05": "enlarged by 1.05 about its centre, clipped to the frame, truncated to whole pixels",
        "side/416 1.05": "multiplied by side / 416 (the evaluator's error), enlarged by 1.05 about its"
        " centre, clipped, truncated to whole pixels",
    },
    "missing": {
        "nothing": "a frame without detection has no feature",
        "whole frame": "a frame without detection is embedded as a whole",
    },
    "crop": {
        "bicubic-224": "uint8, PIL bicubic (antialiased) to 224x224",
        "clean-299": "PIL bicubic (antialiased) per channel in float32 to 299x299, clipped, not rounded",
        "linear-299": "bilinear to 299x299 without antialiasing",
        "tf1-299": "bilinear of TensorFlow 1 to 299x299",
        "linear-224": "bilinear to 224x224 without antialiasing",
        "bilinear-256x128": "uint8, PIL bilinear (antialiased) to 256x128",
        "corners-256x128": "bilinear with aligned corners, no antialiasing, to 256x128",
        "corners-384x192": "bilinear with aligned corners, no antialiasing, to 384x192",
        "area-160": "uint8, OpenCV area to 160x160, no alignment, no margin",
        "area-128": "uint8, OpenCV area to 128x128, no alignment, no margin",
    },
    "network": {
        "efficientnet_lite0": "EfficientNet-Lite0, 1280-d global average",
        "inception_v3_torchvision": "torchvision's Inception v3 (ImageNet), 2048-d global average",
        "inception_fid_2015_12_05": "the FID graph of 2015-12-05, 2048-d pool3",
        "osnet_x1_0_reid": "OSNet x1.0 with re-identification weights, 512-d",
        "osnet_ibn_x1_0_imagenet": "OSNet-IBN x1.0, the evaluator's file, 512-d",
        "pcb_market1501": "PCB, ResNet-50 with 6 parts of 2048-d, each part divided by its norm and by the"
        " root of 6",
        "facenet_vggface2": "InceptionResnetV1 (VGGFace2), 512-d before normalisation",
        "hmr_iccv": "HMR, 85 numbers: camera 3, pose 72, shape 10",
    },
}

PSNR = Kind(
    "psnr",
    1,
    {
        "frame": FRAME,
        "colour": COLOUR,
        "arithmetic": {
            "exact": "uint8, mean squared error by an exact integer sum",
            "float32-signed": "float32 on [-1, 1], squares in float32, mean in float64",
            "uint8-wrap": "differences of uint8 arrays wrap around at 0 (an error, kept on purpose)",
        },
        "range": {
            "255": "peak 255 (2 on [-1, 1])",
            "skimage-0.16": "2 on [-1, 1], but 1 where the truth has no value below 128",
        },
        "identical": {
            "left out": "frames equal to their truth are counted and left out",
            "infinite": "one frame equal to its truth makes the whole infinite",
        },
        "average": {
            **AVERAGE_FRAMES,
            "pooled": "PSNR of the mean over frames of the mean squared error",
        },
    },
)
SSIM = Kind(
    "ssim",
    1,
    {
        "frame": FRAME,
        "colour": COLOUR,
        "values": {"unit": "on [0, 1], range 1", "signed": "on [-1, 1], range 2"},
        "window": {
            "gaussian-11": "Gaussian window sigma 1.5, 11 taps, K 0.01 and 0.03, border of 5 cut",
            "uniform-7": "uniform window 7x7, K 0.01 and 0.03, border of 3 cut",
        },
        "covariance": {"population": "population covariance", "sample": "sample covariance"},
        "average": AVERAGE_FRAMES,
    },
)
MAPS: Fields = {
    "frame": FRAME,
    "network": {
        "lpips_alex": "AlexNet, 5 taps after ReLU",
        "lpips_vgg": "VGG-16, 5 taps after ReLU",
        "lpips_squeeze": "SqueezeNet 1.1, 7 taps after ReLU",
        "efficientnet_lite0": "EfficientNet-Lite0, outputs of blocks 0, 2, 4, 10, 15",
    },
    "values": {
        "signed": "RGB on [-1, 1]",
        "unit": "RGB on [0, 1] where [-1, 1] is expected (an error, kept on purpose)",
        "own": "(x - 127) / 128, as the network was trained",
    },
    "heads": {
        "v0.1": "taps unit-normalised over channels (norm + 1e-10), squared difference, learned heads v0.1,"
        " mean over space, sum of taps",
        "none": "taps unit-normalised over channels (norm + 1e-10), squared difference summed over channels,"
        " mean over space, mean of taps; no learned heads",
    },
}
LPIPS = Kind("lpips", 1, {**MAPS, "average": AVERAGE_FRAMES})
FLICKER = Kind(
    "flicker",
    1,
    {
        **MAPS,
        "statistic": {
            "prediction": "distance of each predicted frame to the one before it",
            "truth": "distance of each true frame to the one before it",
            "excess": "distance of each predicted frame to the one before it, minus the same of the truth",
            "ratio": "mean distance of consecutive predicted frames over that of consecutive true frames",
        },
        "average": {"frames": "mean of frames", "ratio": "ratio of the means"},
    },
)
SIMILARITY = Kind(
    "similarity",
    1,
    {
        **FEATURES,
        "arithmetic": {
            "float64": "cosine in float64",
            "float32 + 1e-6": "cosine in float32, 1e-6 added to the norms",
        },
        "policy": {
            "penalised": "frames whose reference has a detection; a prediction without one counts 0",
            "detected": "frames where both sides have a detection",
            "reference box": "frames whose reference has a detection; the prediction is cropped at the"
            " reference's box, whatever it shows",
            "reference": "frames whose reference has a detection, whatever was found in the prediction",
            "all": "all frames, whatever was found in them",
        },
        "average": AVERAGE_FRAMES,
    },
)
CENTROID = Kind(
    "centroid",
    1,
    {
        **FEATURES,
        "arithmetic": {"float64": "cosine in float64 to the mean of the normalised detected references"},
        "policy": {"detected": "predicted frames with a detection"},
        "average": {"frames": "mean of frames"},
    },
)
RATE = Kind(
    "rate",
    1,
    {
        "frame": FRAME,
        "detector": FEATURES["detector"],
        "side": {
            "prediction": "share of predicted frames with a detection",
            "reference": "share of truth or real frames with a detection",
        },
        "average": {"frames": "mean of frames"},
    },
)
STATISTICS = {
    "frechet": "Frechet distance of Gaussian fits (covariance divisor n - 1), float64, exact",
    "frechet-infinity": "Frechet distances of growing subsets, extrapolated to infinitely many frames",
    "kernel": "unbiased squared MMD, kernel (xy/d + 1)^3, 100 subsets of min(n, 1000), seed 2020",
    "softmax of features": "inception score of the softmax over the pooled features themselves, one split",
    "logits, 10 splits": "inception score of unbiased logits, 10 splits after a shuffle with seed 2020",
}
SET = Kind(
    "set",
    1,
    {
        **FEATURES,
        "selection": {
            "own": "each side's own detections",
            "all": "all frames",
            "reference": "frames whose reference has a detection, on both sides",
        },
        "scope": {
            "dataset": "over the frames of all trials of a method together",
            "clip": "over the frames of one trial; trials are averaged",
        },
        "statistic": STATISTICS,
        "average": NO_AVERAGE,
    },
)
BODY_STATE = Kind(
    "body_state",
    1,
    {
        **FEATURES,
        "statistic": {
            "evaluator": "|scale| + sum |shape| + sum |camera, pose| of the differences, as the evaluator",
            "scale": "difference of the camera scale",
            "translation": "L2 distance of the camera translation",
            "pose": "geodesic angle per joint, in radians",
            "shape": "L2 distance of the shape coefficients",
        },
        "average": AVERAGE_FRAMES,
    },
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (PSNR, SSIM, LPIPS, FLICKER, SIMILARITY, CENTROID, RATE, SET, BODY_STATE)
}
