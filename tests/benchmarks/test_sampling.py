import math

import ambiguous
import pytest
import sampling
import torch

from epropnp_det.pnp import HuberCost, PnPProblem


def test_prints_a_row_a_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "REFERENCE_SAMPLES", 256)
    monkeypatch.setattr(sampling, "REFERENCE_RUNS", 2)
    sampling.main(["--seeds", "2"])
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows[0] == ["case", "sampler", "K", "RMSE", "bias", "ESS %", "gradient cosine"]
    assert len(rows[2:]) == 5 * len(sampling.SAMPLERS) * len(sampling.SAMPLES)
    for _, sampler, num_samples, rmse, bias, size, cosine in rows[2:]:
        assert sampler in sampling.SAMPLERS and int(num_samples) in sampling.SAMPLES
        assert float(rmse) >= abs(float(bias)) - 1e-3
        assert 0 < float(size) <= 100 and -1 <= float(cosine) <= 1


def test_ambiguous_objects(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "AMBIGUOUS_SAMPLES", 1024)
    monkeypatch.setattr(ambiguous, "NUM_OBJECTS", 3)
    sampling.main(["--seeds", "1", "--ambiguous"])
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][2:]
    assert len(rows) == 2 * len(ambiguous.ambiguous_cases())
    for _, sampler, *_, size, lost, _ in rows:
        assert sampler in sampling.SAMPLERS and 0 < float(size) <= 100 and 0 <= float(lost) <= 100
    of_square = {row[1]: row for row in rows if row[0].startswith("flat square, 20")}
    assert float(of_square["joint_t"][-2]) <= float(of_square["amis"][-2])


def test_turned_objects_cost_the_same() -> None:
    for count in (2, 4):
        problem, pose = ambiguous.yaws(count)
        turned = pose + torch.tensor([0, 0, 0, 2 * math.pi / count], dtype=torch.float64)
        torch.testing.assert_close(problem.cost(turned), problem.cost(pose))


def test_half_a_turn_costs_nothing() -> None:
    case = sampling.half_turn_case("symmetric")
    cost = HuberCost.adaptive(case.x2d, case.w2d, case.relative_delta)
    problem = PnPProblem(case.x3d, case.x2d, case.w2d, case.camera, cost)
    turned = case.pose + torch.tensor([0, 0, 0, math.pi], dtype=torch.float64)
    torch.testing.assert_close(problem.cost(turned), problem.cost(case.pose))


def test_golden_objects_bring_their_evidence(golden_dir) -> None:
    for case, dof in zip(sampling.make_cases(golden_dir), (4, 6), strict=False):
        posterior, gradient = case.posterior("joint_t", 512, 0)
        assert f"{dof} DoF" in case.name and gradient.shape == (12, 64 * 7)
        assert (posterior.log_evidence - case.log_evidence).abs().max() < 0.2


def test_no_seeds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sampling.main(["--seeds", "0"])
    assert "--seeds must be at least 1" in capsys.readouterr().err
