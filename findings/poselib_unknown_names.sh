#!/usr/bin/env bash
# PoseLib 2.0.5: an unknown camera model, or one in small letters, finds nothing and says nothing.
#
# Behaviour: `estimate_absolute_pose` takes the camera as a dict with the name of its model. A name
# that it does not know raises nothing: pixels then count as normalised coordinates, so that no match
# is an inlier, and the answer is a pose at the origin with `num_inliers` 0. A misspelt option of the
# dict `ransac_opt` is passed over in silence, too.
#
# Why it surprises: 'PINHOLE' works and 'pinhole' answers with a pose that looks like one of a hard
# image; nothing tells it from matches that are all wrong. A threshold under a misspelt name leaves
# the library's own in place.
#
# What follows: check the model's name against the list in PoseLib's documentation before the call,
# and treat a pose without inliers as a fault of the call first.
#
# The script solves for exact matches with the name in capitals, in small letters and misspelt, then
# with a sound and a misspelt threshold on noisy ones, and prints the inliers. It fails where a wrong
# name is refused or understood.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet poselib==2.0.5 numpy==1.26.4
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
import poselib

rng = np.random.default_rng(0)
points = rng.uniform(-0.5, 0.5, (40, 3)) + (0.1, -0.1, 3.0)
exact = 600 * points[:, :2] / points[:, 2:] + (320, 240)
noisy = exact + rng.standard_normal(exact.shape)


def inliers(pixels, model="PINHOLE", **options):
    camera = {"model": model, "width": 640, "height": 480, "params": [600, 600, 320, 240]}
    _, info = poselib.estimate_absolute_pose(pixels, points, camera, options, {})
    return info["num_inliers"]


found = {model: inliers(exact, model) for model in ("PINHOLE", "pinhole", "PINHOL")}
print("inliers of 40 exact matches by model:", found)
assert found == {"PINHOLE": 40, "pinhole": 0, "PINHOL": 0}, "unknown models are understood"

found = {
    "max_reproj_error": inliers(noisy, max_reproj_error=0.5),
    "max_reproj_eror": inliers(noisy, max_reproj_eror=0.5),
}
print("inliers of 40 matches with 1 px of noise by the name of the threshold of 0.5 px:", found)
assert found["max_reproj_error"] < found["max_reproj_eror"], "unknown options are understood"
PYTHON
