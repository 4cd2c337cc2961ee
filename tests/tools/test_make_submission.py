"""tools/make_submission.py on a small network with random weights, and what it refuses."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.visualization import Visualizer
from random_network import save_random_weights

from epropnp_det.datasets import create_nuscenes_infos
from epropnp_det.engine.config import load_config
from epropnp_det.synthetic import Settings, generate

CONFIG = Path("configs/epropnp_det/epropnp-det_tiny_demo.py")
# Images of 192 x 112; random weights give no class a chance.
OPTIONS = ("--cfg-options", "model.test_cfg.score_thr=0", "model.test_cfg.max_per_img=4")
OPTIONS += ("test_dataloader.num_workers=0", "test_dataloader.persistent_workers=False")
PLAIN, FLIPPED = (
    f"{key}.1.rows=28" for key in ("test_dataloader.dataset.pipeline", "tta_pipeline")
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataroot with a keyframe to validate on, and the same as a test version."""
    path = tmp_path_factory.mktemp("submission")
    generate(Settings(2, 1, 1, image_size=(192, 112)), path)
    create_nuscenes_infos(path, "v1.0-mini")
    tables = path / "v1.0-test"
    tables.mkdir()
    for file in (path / "v1.0-mini").iterdir():
        text = file.read_text().replace("scene-0103", "scene-0077")
        (tables / file.name).write_text(text)
    (tables / "sample_annotation.json").write_text("[]")
    (tables / "instance.json").write_text("[]")
    create_nuscenes_infos(path, "v1.0-test")
    return path


@pytest.fixture
def arguments(repo_root: Path, root: Path, tmp_path: Path) -> list:
    weights = save_random_weights(load_config(str(repo_root / CONFIG)), tmp_path / "random.pth")
    return [repo_root / CONFIG, weights, "--root", root]


@pytest.fixture
def submit(import_tool: Callable, arguments, tmp_path, monkeypatch, capsys) -> Callable[..., str]:
    """Run the tool and return what it says at the end."""
    monkeypatch.chdir(tmp_path)

    def run(*more: object) -> str:
        # mmengine's visualizer of an earlier run would write into that run's folder.
        monkeypatch.setattr(Visualizer, "_instance_dict", {})
        monkeypatch.setattr("sys.argv", ["make_submission", *map(str, [*arguments, *more])])
        import_tool("make_submission").main()
        return capsys.readouterr().out

    return run


def packed(path: str) -> dict:
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        return json.loads(archive.read(name))


def test_submission_of_the_test_split_with_flip_testing(submit, root):
    said = submit("--version", "v1.0-test", "--tta", "--out", "my/sub.zip", *OPTIONS, FLIPPED)
    content = packed("my/sub.zip")
    assert content["meta"]["use_camera"] is True and not content["meta"]["use_lidar"]
    (sample,) = json.loads((root / "v1.0-test" / "sample.json").read_text())[-1:]
    boxes = content["results"][sample["token"]]
    assert list(content["results"]) == [sample["token"]] and boxes
    assert f"my/sub.zip: {len(boxes)} boxes in the 1 samples of split test\n" in said
    assert "it covers 1 of the 150 scenes of test" in said


def test_trial_on_mini(submit):
    said = submit("--version", "v1.0-mini", "--out", "sub.zip", *OPTIONS, PLAIN)
    assert len(packed("sub.zip")["results"]) == 1
    assert "A trial: it covers 1 of the 2 scenes of mini_val" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--version", "v1.0-trainval"], "No nuScenes tables at"),
        (["--info-dir", "nowhere"], "make it with `python tools/create_data.py nuscenes --root"),
        (["--out", "sub.json"], "takes a .zip file"),
        (["--cfg-options", "test_evaluator.type=ToyMetric"], "test_evaluator of type"),
        (["--cfg-options", "test_evaluator.modality.use_lidar=True"], "reads cameras alone"),
    ],
)
def test_wrong_arguments(fails, arguments, more, said):
    assert said in fails("make_submission", *arguments, *more)
    assert not list(Path().glob("*.zip"))


def test_wrong_checkpoint(fails, arguments):
    arguments[1] = "absent.pth"
    assert "absent.pth does not exist" in fails("make_submission", *arguments)


def test_flip_testing_gives_the_same_submission(
    submit, import_tool, arguments, root, tmp_path, monkeypatch
):
    submit("--version", "v1.0-mini", "--tta", "--out", "sub.zip", *OPTIONS, FLIPPED)
    place = {"data_root": root, "ann_file": root / "nuscenes_infos_val.pkl"}
    settings = [
        f"{key}.{name}={value}"
        for key in ("test_dataloader.dataset", "test_evaluator")
        for name, value in place.items()
    ]
    settings += ["test_evaluator.format_only=True", "test_evaluator.jsonfile_prefix=tested"]
    monkeypatch.setattr(Visualizer, "_instance_dict", {})
    words = [*arguments[:2], "--tta", *OPTIONS, FLIPPED, *settings]
    monkeypatch.setattr("sys.argv", ["test", *map(str, words)])
    import_tool("test").main()
    written = tmp_path / "tested" / "pred_instances_3d" / "results_nusc.json"
    assert json.loads(written.read_text()) == packed("sub.zip")
