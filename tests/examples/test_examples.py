import pytest


@pytest.fixture
def run_example(run_fresh, repo_root, tmp_path):
    def run(name: str, *args: str) -> str:
        variables = {"PYTHONUTF8": "1", "MPLBACKEND": "Agg"}
        done = run_fresh(tmp_path, repo_root / "examples" / name, *args, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def errors_by_method(table: str) -> dict[str, float]:
    """Distance from the truth in centimetres, the last column but one."""
    rows = [line.rsplit(maxsplit=2) for line in table.split("\n\n")[0].splitlines()[1:]]
    return {line[:18].strip(): float(off) for line, off, _ in rows}


def test_pose_from_exact_keypoints_agrees_with_opencv(run_example):
    off = errors_by_method(
        run_example("pose_from_keypoints.py", "--noise", "0.001", "--wrong", "0")
    )
    assert list(off) == ["truth", "EPro-PnP", "OpenCV solvePnP", "OpenCV RANSAC"]
    assert max(off.values()) <= 0.1


def test_pose_from_keypoints_survives_wrong_ones(run_example):
    off = errors_by_method(run_example("pose_from_keypoints.py"))
    assert off["EPro-PnP"] < 20 < off["OpenCV solvePnP"]


def test_training_reduces_the_error_and_draws(run_example, tmp_path):
    out = tmp_path / "figure.png"
    printed = run_example(
        "train_with_monte_carlo_loss.py", "--steps", "15", "--batch", "16", "--out", str(out)
    )
    before, after = (float(line.split()[4]) for line in printed.splitlines()[:2])
    assert after < before / 2
    assert out.read_bytes().startswith(b"\x89PNG") and out.stat().st_size > 10_000
