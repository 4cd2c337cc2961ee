"""The wheel at work, in a folder that knows no clone."""

import json
import shutil
import zipfile

import pytest

CONFIG = "epropnp_det::epropnp_det/epropnp-det_tiny_demo.py"


def tool(python, *words, **absent):
    return python("-m", "epropnp_det", *words, **absent)


def test_mmengine_finds_a_config_and_its_weights(python):
    done = python(
        "-c",
        "import epropnp_det\n"
        "from mmengine.hub import get_config\n"
        f"cfg = get_config({CONFIG!r}, pretrained=True)\n"
        "print(cfg.model.type, cfg.model_path)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["EProPnPDet", "checkpoints/epropnp-det_r18_synthetic.pth"]


def test_config_of_a_user_can_be_based_on_one_that_comes_along(python, tmp_path):
    config = tmp_path / "mine.py"
    config.write_text(f"_base_ = {CONFIG!r}\nmodel = dict(test_cfg=dict(score_thr=0.5))\n")
    done = python(
        "-c",
        "from epropnp_det.engine.config import load_config\n"
        f"test = load_config({str(config)!r}).model.test_cfg\n"
        "print(test.score_thr)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "0.5"


def test_inference(python, installed, repo_root, tmp_path):
    for name in ("street.jpg", "street.json"):
        shutil.copy(repo_root / "examples" / name, tmp_path)
    weights = installed / "epropnp_det/.mim/checkpoints/epropnp-det_r18_synthetic.pth"
    image = (tmp_path / "street.jpg", "--cam2img", tmp_path / "street.json")
    done = tool(python, "infer", CONFIG, weights, *image, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads((tmp_path / "out/predictions.json").read_text())["images"]
    assert entry["boxes"]


def test_every_tool_is_listed_and_helps(python, repo_root):
    listed = [line.split()[0] for line in tool(python).stdout.splitlines()[2:]]
    assert listed == sorted(path.stem for path in repo_root.glob("tools/*.py"))
    # In one process, for the time it takes.
    done = python(
        "-c",
        "import sys\n"
        "from epropnp_det.__main__ import main\n"
        f"for name in {listed}:\n"
        "    sys.argv[1:] = [name, '--help']\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, name\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(listed)


def test_console_command_is_the_same(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert b"epropnp-det = epropnp_det.__main__:main" in archive.read(name)


@pytest.mark.parametrize(
    ("module", "words", "command"),
    [
        ("mmengine", ("train", CONFIG), "--no-build-isolation 'epropnp_det[det]'`."),
        ("tqdm", ("download_checkpoint", "v2"), "--no-build-isolation 'epropnp_det[det]'`."),
        ("mitsuba", ("create_synthetic_nuscenes", "--out", "a"), "`pip install 'epropnp_det[demo]"),
    ],
)
def test_extra_that_is_missing_is_named(python, module, words, command):
    done = tool(python, *words, absent=(module,))
    assert done.returncode == 2, done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith(f"error: {words[0]} needs {module}, which is not installed: run ")
    assert command in sentence


def test_environment_is_not_made_without_a_clone(python):
    done = tool(python, "install")
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("error: ") and "clone" in sentence and "[det]" in sentence


def test_layer_needs_torch_alone(python):
    absent = ("cv2", "mmcv", "mmdet", "mmdet3d", "mmengine", "numpy", "scipy", "tqdm")
    code = (
        "import torch\n"
        "from epropnp_det.pnp import *\n"
        "camera = PerspectiveCamera(torch.tensor([[[100.0, 0, 0], [0, 100, 0], [0, 0, 1]]]))\n"
        "x3d = torch.tensor([[[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 1]]])\n"
        "pose = torch.tensor([[0.0, 0, 10, 0]])\n"
        "x2d = camera.project(x3d + pose[:, None, :3])\n"
        "problem = PnPProblem(x3d, x2d, None, camera, HuberCost(1.0))\n"
        "result = RandomSampleSolver(dof=4)(problem)\n"
        "torch.testing.assert_close(result.pose, pose, rtol=0, atol=1e-3)\n"
        "layer = EProPnP(4, 64)\n"
        "assert layer(problem).log_evidence.isfinite().all()\n"
    )
    done = python("-c", code, absent=absent)
    assert done.returncode == 0, done.stderr
