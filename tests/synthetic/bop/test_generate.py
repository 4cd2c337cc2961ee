import json
import shutil
from dataclasses import replace
from importlib import import_module

import cv2
import numpy as np
import pytest

from epropnp_det.errors import UserError
from epropnp_det.synthetic.bop import Settings, generate
from epropnp_det.synthetic.bop.render import render
from epropnp_det.synthetic.output import MANIFEST

# The package has a function of the same name.
MODULE = import_module("epropnp_det.synthetic.bop.generate")


def contents(root):
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_folders_and_files(bop_root):
    files = set(contents(bop_root))
    for scene in ("train/000000", "test/000000"):
        truth = json.loads((bop_root / scene / "scene_gt.json").read_text())
        assert list(truth) == ["0", "1"]
        wanted = {f"{scene}/scene_{name}.json" for name in ("gt", "gt_info", "camera")}
        for image, records in truth.items():
            wanted |= {f"{scene}/{kind}/00000{image}.png" for kind in ("rgb", "depth")}
            for kind in ("mask", "mask_visib"):
                wanted |= {f"{scene}/{kind}/00000{image}_{i:06d}.png" for i in range(len(records))}
        assert {name for name in files if name.startswith(scene)} == wanted
    top = {name for name in files if "/" not in name}
    assert top == {"README.md", MANIFEST, "camera.json", "test_targets_bop19.json"}


def test_images_are_of_the_right_kind(bop_root):
    rgb = cv2.imread(str(bop_root / "train/000000/rgb/000000.png"), cv2.IMREAD_UNCHANGED)
    depth = cv2.imread(str(bop_root / "train/000000/depth/000000.png"), cv2.IMREAD_UNCHANGED)
    assert rgb.shape == (120, 160, 3) and rgb.dtype == np.uint8
    assert depth.shape == (120, 160) and depth.dtype == np.uint16
    camera = json.loads((bop_root / "camera.json").read_text())
    assert (camera["width"], camera["height"], camera["depth_scale"]) == (160, 120, 0.1)
    records = json.loads((bop_root / "train/000000/scene_camera.json").read_text())
    assert records["1"]["cam_K"] == [
        *(camera["fx"], 0, camera["cx"]),
        *(0, camera["fy"], camera["cy"]),
        *(0, 0, 1),
    ]


def test_targets_are_the_seen_ones_of_the_test_images(bop_root):
    targets = json.loads((bop_root / "test_targets_bop19.json").read_text())
    scene = bop_root / "test/000000"
    truth, info = (
        json.loads((scene / name).read_text()) for name in ("scene_gt.json", "scene_gt_info.json")
    )
    wanted = [
        {"im_id": int(image), "inst_count": 1, "obj_id": one["obj_id"], "scene_id": 0}
        for image in truth
        for one, seen in zip(truth[image], info[image], strict=True)
        if seen["visib_fract"] >= 0.1
    ]
    assert targets == wanted and wanted


def test_same_seed_same_bytes_in_any_number_of_processes(bop_root, bop_settings, tmp_path):
    generate(bop_settings, tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(bop_root)


def test_an_image_depends_on_its_numbers_alone(bop_root, bop_settings, tmp_path):
    more = Settings(2, 1, 1, bop_settings.seed, bop_settings.image_size)
    generate(more, tmp_path / "more")
    for name in ("train/000000/rgb/000000.png", "test/000000/depth/000000.png"):
        assert (tmp_path / "more" / name).read_bytes() == (bop_root / name).read_bytes()
    images = [(tmp_path / "more" / f"train/00000{i}/rgb/000000.png").read_bytes() for i in (0, 1)]
    assert images[0] != images[1]


def test_clean_images_differ_by_blur_and_noise_alone(bop_root, bop_settings, tmp_path):
    clean = Settings(1, 1, 1, bop_settings.seed, bop_settings.image_size, clean=True)
    generate(clean, tmp_path / "clean")
    name = "train/000000/rgb/000000.png"
    one, other = (
        cv2.imread(str(root / name)).astype(int) for root in (tmp_path / "clean", bop_root)
    )
    assert 0 < np.abs(one - other).mean() < 10
    depth = name.replace("rgb", "depth")
    assert (tmp_path / "clean" / depth).read_bytes() == (bop_root / depth).read_bytes()


def test_interrupted_run_goes_on_with_what_is_not_done(
    bop_root, bop_settings, tmp_path, monkeypatch, capsys
):
    root, done = tmp_path / "data", []

    def interrupted(*arguments):
        done.append(arguments)
        if len(done) == 4:
            raise KeyboardInterrupt
        return render(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MODULE, "render", interrupted)
        generate(bop_settings, root)
    assert not (root / "test_targets_bop19.json").exists()
    first = root / "train/000000/rgb/000000.png"
    written = first.stat().st_mtime_ns
    # What a worker that was killed leaves, and an image without its record.
    (root / "test/000000/rgb/.000001.99.png").write_bytes(b"half")
    (root / "test/000000/rgb/000001.png").write_bytes(b"not the last file")
    assert generate(bop_settings, root)
    assert "1 images to write" in capsys.readouterr().out
    assert first.stat().st_mtime_ns == written
    assert contents(root) == contents(bop_root)


@pytest.mark.parametrize("missing", ["scene_gt.json", "test_targets_bop19.json"])
def test_interrupted_between_the_tables(bop_root, bop_settings, tmp_path, monkeypatch, missing):
    """A scene whose tables are there is not looked at again; one without is drawn anew."""
    root = tmp_path / "data"
    shutil.copytree(bop_root, root)
    (root / "test_targets_bop19.json").unlink()
    if missing == "scene_gt.json":
        (root / "test/000000" / missing).unlink()
    drawn = []
    monkeypatch.setattr(MODULE, "render", lambda *a: drawn.append(a) or render(*a))
    assert generate(bop_settings, root)
    assert len(drawn) == (2 if missing == "scene_gt.json" else 0)
    assert contents(root) == contents(bop_root)


def test_complete_dataset_is_left_alone(bop_root, bop_settings):
    before = contents(bop_root)
    assert not generate(bop_settings, bop_root)
    assert contents(bop_root) == before


@pytest.mark.parametrize("other", [{"seed": 6}, {"upright": True}])
def test_folder_of_other_settings_is_refused(bop_root, bop_settings, other):
    with pytest.raises(UserError, match="other settings"):
        generate(replace(bop_settings, **other), bop_root)


def test_folders_from_before_objects_could_stand_stay_complete(bop_root):
    assert "upright" not in json.loads((bop_root / "synthetic.json").read_text())


def test_folder_says_that_it_is_synthetic(bop_root):
    text = (bop_root / "README.md").read_text()
    assert "simulated" in text and "1 mug, 2 bracket" in text
    assert max(map(len, text.splitlines())) <= 100
