"""Which steps of the demo are skipped, repeated and continued."""

from pathlib import Path

import pytest


@pytest.fixture
def go(import_tool, tmp_path):
    """Run the steps "data", which outdates the folder "train", and "train"; say which ran."""
    steps_class = import_tool("demo").Steps

    def run(data: str, broken: str = "") -> list[str]:
        steps, ran, train = steps_class(tmp_path), [], tmp_path / "train"

        def action(name: str):
            def act() -> None:
                train.mkdir(exist_ok=True) if name == "train" else None
                ran.append(name)
                if name == broken:
                    raise KeyboardInterrupt

            return act

        try:
            steps.run("data", action("data"), data, outdates=train)
            steps.run("train", action("train"), "same")
        except KeyboardInterrupt:
            assert broken
        return ran

    return run


def checkpoint(folder: Path) -> Path:
    path = folder / "train/epoch_1.pth"
    path.touch()
    return path


def test_interrupted_training_is_continued(go, tmp_path):
    assert go("a", broken="train") == ["data", "train"]
    kept = checkpoint(tmp_path)
    assert go("a") == ["train"]
    assert kept.exists()
    assert go("a") == []


@pytest.mark.parametrize("broken", ["", "data"])
def test_other_data_void_the_training(go, tmp_path, broken):
    go("a")
    stale = checkpoint(tmp_path)
    go("b", broken=broken)
    assert not stale.exists()
    assert go("b") == (["data", "train"] if broken else [])
