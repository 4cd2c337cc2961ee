"""Every command and every Python example in the README and the pages is run by something.

Python blocks are run here. Shell commands are put through the parser of their own script, and
`RUN_BY` names what runs each of their options for real.
"""

import argparse
import doctest
import re
import runpy
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from bop_layout import write_bop
from mmdet3d.registry import DATASETS, MODELS
from pose_network import pose_config, save_pose_network
from random_network import save_camera, save_images, save_random_weights

from epropnp_det.engine.config import load_config
from epropnp_det.engine.config_checks import check_classes

FLAGSHIP = "epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"
REPO = Path(__file__).resolve().parents[2]
PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
LANGUAGES = {"shell", "python", "text", "bibtex", "{eval-rst}", "{toctree}"}
BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(configs|docs|examples|tests|tools|benchmarks)/[\w./-]+")
BUILT_IN = {"export", "source"}  # the shell's own
PYTHON = ("python", "torchrun")

DEMO = "tests/tools/test_demo.py::"
TRAIN = "tests/tools/test_train_and_test.py::"
INFER = "tests/tools/test_infer.py::test_folder_in_a_batch"
SUBMISSION = "tests/tools/test_make_submission.py::"
OBJECT_POSE = "tests/tools/test_object_pose.py::test_the_commands_of_the_page"
OWN_DATA = "tests/examples/test_custom_data.py::test_the_commands_of_the_page"

# What runs a command, then what runs it with an option: a test, or a script and a line of it.
RUN_BY = {
    "make env": {"": ".ci/run::make test"},
    "make demo": {"": DEMO + "test_demo_makes_what_it_says"},
    "make test": {"": ".ci/run::make test"},
    "make lint": {"": ".ci/run::make lint"},
    "make docs": {"": "tests/docs/test_build.py::test_docs_build_without_warnings"},
    "make package": {"": ".ci/run::make package"},
    "pip install": {
        "": "tests/packaging/conftest.py::installed",
        "--no-build-isolation": "tools/install.py::--no-build-isolation",
        "--no-deps": "tests/packaging/conftest.py::installed",
    },
    "pytest": {"": "Makefile::-m pytest -q", "-q": "Makefile::-m pytest -q"},
    "torchrun": {
        "": TRAIN + "test_two_processes_train_like_one",
        "--nproc_per_node": TRAIN + "test_two_processes_train_like_one",
    },
    "tools/create_synthetic_nuscenes.py": {
        "": DEMO + "test_demo_makes_what_it_says",
        "--out": "tools/demo.py::--out",
        "--scenes": "tools/demo.py::--scenes",
        "--samples-per-scene": "tools/demo.py::--samples-per-scene",
        "--val-samples-per-scene": "tools/demo.py::--val-samples-per-scene",
        "--seed": "tools/demo.py::--seed",
        "--raise-cameras": "tools/demo.py::--raise-cameras",
    },
    "tools/create_synthetic_bop.py": dict.fromkeys(
        ("", "--out", "--scenes", "--images-per-scene", "--upright"), OBJECT_POSE
    ),
    "tools/create_data.py": {
        **dict.fromkeys(
            ("", "--root", "--version", "--workers"),
            "tests/datasets/test_nuscenes_prepare.py::test_command_line",
        ),
        **dict.fromkeys(
            ("--rig", "--info-prefix"), "tests/truckscenes/test_data.py::test_command_line"
        ),
    },
    "tools/check_data.py": {"": "tests/tools/test_check_data.py::test_own_data"},
    "tools/browse_dataset.py": dict.fromkeys(
        ("", "--root", "--split", "--out", "--num"),
        "tests/tools/test_browse_dataset.py::test_split_of_a_root",
    ),
    "tools/visualize_sequence.py": dict.fromkeys(
        ("", "--root", "--version", "--scene", "--results", "--out"),
        "tests/tools/test_visualize_sequence.py::test_scene_with_results",
    ),
    "tools/calibrate.py": dict.fromkeys(
        ("", "--out", "--score-thr"),
        "tests/tools/test_calibrate.py::test_table_numbers_and_picture",
    ),
    "tools/train.py": {
        "": DEMO + "test_killed_training_goes_on",
        "--work-dir": DEMO + "test_killed_training_goes_on",
        "--resume": DEMO + "test_killed_training_goes_on",
        "--cfg-options": DEMO + "test_killed_training_goes_on",
        "--launcher": DEMO + "test_two_processes_train_and_test_like_one",
        "--auto-scale-lr": TRAIN + "test_accumulated_steps_scale_the_rate",
    },
    "tools/test.py": {
        "": DEMO + "test_stock_scripts_run_our_config",
        "--show-dir": DEMO + "test_stock_scripts_run_our_config",
        "--tta": SUBMISSION + "test_flip_testing_gives_the_same_submission",
    },
    "tools/make_submission.py": {
        "": SUBMISSION + "test_trial_on_mini",
        "--root": SUBMISSION + "test_trial_on_mini",
        "--version": SUBMISSION + "test_trial_on_mini",
        "--out": SUBMISSION + "test_trial_on_mini",
        "--tta": SUBMISSION + "test_submission_of_the_test_split_with_flip_testing",
    },
    "tools/download_checkpoint.py": {"": "tests/tools/test_checkpoint_tools.py::test_conversion"},
    "tools/convert_checkpoint.py": dict.fromkeys(
        ("", "--model"), "tests/tools/test_checkpoint_tools.py::test_conversion"
    ),
    "tools/infer.py": {
        **dict.fromkeys(("", "--cam2img", "--out", "--batch-size", "--score-thr"), INFER),
        "--data-root": INFER.replace("test_folder_in_a_batch", "test_one_camera_of_an_info_file"),
        "--camera": INFER.replace("test_folder_in_a_batch", "test_one_camera_of_an_info_file"),
        **dict.fromkeys(("--split", "--scene", "--image", "--object", "--box"), OBJECT_POSE),
    },
    "tools/export.py": dict.fromkeys(("", "--image-size"), "tests/conftest.py::exported"),
    "tools/export_layer.py": dict.fromkeys(
        ("", "--dof", "--points"), "tests/conftest.py::layer_file"
    ),
    "epropnp_det/deploy/__main__.py": dict.fromkeys(
        ("", "--cam2img", "--out"),
        "tests/deploy/test_detector.py::test_command_line_without_pytorch_and_openmmlab",
    ),
    "examples/pose_from_keypoints.py": dict.fromkeys(
        ("", "--noise", "--wrong"),
        "tests/examples/test_examples.py::test_pose_from_exact_keypoints_agrees_with_opencv",
    ),
    "examples/train_with_monte_carlo_loss.py": dict.fromkeys(
        ("", "--out"), "tests/examples/test_examples.py::test_training_reduces_the_error_and_draws"
    ),
    "examples/custom_data/make_toy_data.py": {"": OWN_DATA},
    "examples/custom_data/convert.py": {"": OWN_DATA},
}


@dataclass(frozen=True)
class Command:
    """A line of a shell block, without variables that are set for it.

    `python -m epropnp_det TOOL` stands there as the tool's script, and so does that of `deploy`.
    """

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"

    @property
    def script(self) -> int | None:
        """Position of the script of ours."""
        found = (i for i, word in enumerate(self.words) if word.endswith(".py"))
        return next(found, None) if self.words[0] in PYTHON else None

    @property
    def uses(self) -> list[tuple[str, str]]:
        """(command, option) pairs that something has to run."""
        words = self.words
        if words[0] == "make":
            return [(f"make {target}", "") for target in words[1:]]
        if words[:2] == ("pip", "install"):
            return [("pip install", option) for option in ("", *_options(words[2:]))]
        if words[:3] == ("python", "-m", "pytest"):
            return [("pytest", option) for option in ("", *_options(words[3:]))]
        assert self.script is not None, f"{self}: no script and no make target"
        script, pairs = self.script, []
        if words[0] == "torchrun":
            pairs = [("torchrun", option) for option in ("", *_options(words[:script]))]
        options = ("", *_options(words[script + 1 :]))
        return [*pairs, *((words[script], option) for option in options)]


def _options(words: tuple[str, ...]) -> list[str]:
    return [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, content) of the blocks in a language."""
    return [
        (str(page.relative_to(REPO)), content)
        for page in PAGES
        for found, content in BLOCK.findall(page.read_text())
        if found == language
    ]


def commands() -> list[Command]:
    found = []
    for page, content in blocks("shell"):
        for line in content.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.match(r"[A-Z_]+=", words[0]):
                words = words[1:]
            if words[:3] == ["python", "-m", "epropnp_det"]:
                words[1:4] = [f"tools/{words[3]}.py"]
            if words[:3] == ["python", "-m", "epropnp_det.deploy"]:
                words[1:3] = ["epropnp_det/deploy/__main__.py"]
            if words and words[0] not in BUILT_IN:
                found.append(Command(page, tuple(words)))
    return found


COMMANDS = commands()


def test_no_block_is_of_a_language_that_is_not_looked_at():
    found = {language for page in PAGES for language, _ in BLOCK.findall(page.read_text())}
    assert {"shell", "python"} <= found <= LANGUAGES


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_what_a_command_names_is_there(command):
    for word in command.words:
        if PATH.fullmatch(word):
            assert (REPO / word).exists(), word
    if command.words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (REPO / "Makefile").read_text(), re.MULTILINE)
        assert set(command.words[1:]) <= set(targets)


class Parsed(Exception):
    """The arguments were accepted: the script need not go on."""


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if command.script is not None], ids=str
)
def test_arguments_are_accepted(command, monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, *args) -> None:
        parse(parser, *args)
        raise Parsed

    script = REPO / command.words[command.script]
    monkeypatch.setattr("argparse.ArgumentParser.parse_args", stop)
    monkeypatch.setattr("sys.argv", [str(script), *command.words[command.script + 1 :]])
    monkeypatch.syspath_prepend(script.parent)
    with pytest.raises(Parsed):
        runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_something_runs_the_command(command):
    for program, option in command.uses:
        assert option in RUN_BY.get(program, {}), f"what runs `{program} {option}`?"


@pytest.mark.parametrize(
    ("option", "where"),
    sorted({(option, where) for uses in RUN_BY.values() for option, where in uses.items()}),
)
def test_what_runs_it_is_there(option, where):
    file, _, name = where.partition("::")
    text = (REPO / file).read_text()
    assert option in text
    assert (f"def {name}(" if file.startswith("tests/") else name) in text


def test_no_entry_is_left_of_a_command_that_went():
    used = {use for command in COMMANDS for use in command.uses}
    listed = {(program, option) for program, options in RUN_BY.items() for option in options}
    assert not listed - used


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[0].read_text())
    assert links and not [link for link in links if not (REPO / link).exists()]


@pytest.fixture
def in_a_users_folder(tmp_path, monkeypatch):
    """A folder with what the examples take for granted: configs, checkpoints, models, an image."""
    config = REPO / "configs/epropnp_det/epropnp-det_tiny_demo.py"
    (tmp_path / "config.py").write_text(f"_base_ = {str(config)!r}\n")
    save_random_weights(load_config(str(config)), tmp_path / "checkpoint.pth")
    (save_images(tmp_path) / "a.jpg").rename(tmp_path / "image.jpg")
    save_camera(tmp_path / "camera.json")
    objects = write_bop(tmp_path / "boxes")
    pose = pose_config(REPO, objects)
    pose.dump(tmp_path / "pose.py")
    save_pose_network(pose, tmp_path / "pose.pth")
    (objects / "models").rename(tmp_path / "models")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def with_exported_files(in_a_users_folder, exported, layer_file):
    """The same folder, and what deployment takes for granted."""
    Path("model.onnx").symlink_to(exported)
    Path("layer.onnx").symlink_to(layer_file)
    Path("street.jpg").symlink_to(REPO / "examples/street.jpg")


def read_as_config(code: str) -> None:
    """A config, or what is written into one that is based on the flagship's."""
    folder = REPO / "configs/epropnp_det"
    if not code.startswith("_base_"):
        code = f"_base_ = './{FLAGSHIP}'\n{code}"
    Path("example.py").write_text(code.replace("./", f"{folder}/", 1))
    cfg = load_config("example.py")
    loaders = ["train_dataloader", "val_dataloader", "test_dataloader"]
    check_classes(cfg, loaders)
    for loader in loaders:
        for dataset in cfg[loader].dataset.get("datasets", [cfg[loader].dataset]):
            assert DATASETS.get(dataset.type) is not None
    assert MODELS.build(cfg.model) is not None


@pytest.mark.parametrize(
    ("page", "code"), blocks("python"), ids=[page for page, _ in blocks("python")]
)
def test_python_examples_run(page, code, in_a_users_folder, request):
    if page == "docs/deploy.md":
        request.getfixturevalue("with_exported_files")
    if "_base_" in code:
        read_as_config(code)
        return
    if not code.startswith(">>> "):
        exec(compile(code, page, "exec"), {})
        return
    report = []
    example = doctest.DocTestParser().get_doctest(code, {}, page, page, 0)
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)
