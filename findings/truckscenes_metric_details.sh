#!/usr/bin/env bash
# truckscenes-devkit 1.2.0: metrics_details.json keeps one matching distance of four.
#
# Behaviour: the evaluation matches detections at 0.5, 1, 2 and 4 m and stores the curves of each
# under (tag, class, distance). `DetectionMetricDataList.serialize` builds its keys of the first two
# alone, so that each distance overwrites the one before and the file holds the curves at 4 m.
# `deserialize` of the same class, which takes the last part of a key for the distance, then raises
# ValueError, since that is the name of a class.
#
# Why it surprises: the devkit that it was made from, nuScenes', keys them by class and distance and
# reads its own file back. Nothing says that three quarters are gone; scores are not concerned,
# since they are computed before.
#
# What follows: recall and precision over distances of matching cannot be drawn from the file; read
# them from what `evaluate` returns, before it is written.
#
# The script stores empty curves of two classes at four distances, serializes them, and prints how
# many are left and what reading them back says. It fails where all are left.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet truckscenes-devkit==1.2.0 'numpy==1.26.4' \
    'pyquaternion==0.9.9' 'pypcd4==1.5.1' 'tqdm==4.67.1'
"$folder/env/bin/python" - <<'PYTHON'
from truckscenes.eval.detection.data_classes import DetectionMetricData, DetectionMetricDataList

curves = DetectionMetricDataList()
for name in ("car", "truck"):
    for distance in (0.5, 1.0, 2.0, 4.0):
        curves.set("all", name, distance, DetectionMetricData.no_predictions())
written = curves.serialize()
print(f"{len(curves.md)} curves were stored, {len(written)} are written: {', '.join(written)}")
try:
    DetectionMetricDataList.deserialize(written)
    read = "they are read back"
except ValueError as error:
    read = f"reading them back: ValueError, {error}"
print(read)
assert len(curves.md) == 8 and len(written) == 2, "all distances are written"
assert "ValueError" in read, "the file is read back"
PYTHON
