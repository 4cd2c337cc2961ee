import convergence
import pytest
import torch
from problems import ProblemSettings, make_problem
from tqdm import tqdm

CELLS = len(convergence.DOFS) * len(convergence.OUTLIERS) * len(convergence.NOISES)


def test_prints_a_row_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    convergence.main(["--problems", str(CELLS + 1), "--points", "24"])
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("|")
    ]
    assert rows[0][4:] == [
        "RandomSampleSolver",
        "LM from near the truth",
        "OpenCV ITERATIVE",
        "OpenCV SQPNP",
        "OpenCV RANSAC",
    ]
    cells = rows[2:]
    assert len(cells) == CELLS
    assert cells[0][:4] == ["4 DoF", "0%", "1 px", "2"]
    assert cells[-1][:4] == ["6 DoF", "30%", "4 px", "1"]
    rates = [float(rate) for row in cells for pair in row[4:] for rate in pair.split(" / ")]
    assert all(0 <= rate <= 100 for rate in rates)


@pytest.mark.parametrize("dof", [4, 6])
def test_truth_is_solved_and_no_pose_is_not(dof: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        convergence,
        "solvers",
        lambda *_: {
            "nothing": lambda problem, true_pose: torch.full_like(true_pose, float("nan")),
            "reference": lambda problem, true_pose: (
                convergence.LMSolver(30)(problem, true_pose).pose
            ),
        },
    )
    rates = convergence.measure(ProblemSettings(70, 24, dof), False, tqdm(disable=True))
    assert rates.returned["nothing"] == 0
    assert rates.returned["reference"] > 0.9


def test_reference_is_no_worse_than_the_true_pose() -> None:
    problem, true_pose = make_problem(ProblemSettings(8, 24, outliers=0.3))
    best = convergence.reference_costs(problem, true_pose, 4, False)
    assert (best <= problem.cost(true_pose)).all()
