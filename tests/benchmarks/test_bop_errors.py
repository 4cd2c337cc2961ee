"""Both sides of the comparison measure the same errors."""

import numpy as np
import pytest
from bop_errors import KINDS, Plain, Problem, main, ours, theirs


@pytest.mark.parametrize("kind", KINDS)
def test_both_agree(kind):
    problem = Problem.random(kind, 40, 2)
    found = ours(problem)
    for name, expected in theirs(problem, Plain).items():
        np.testing.assert_allclose(found[name](), expected(), rtol=1e-9, err_msg=name)


def test_table(capsys, tmp_path, monkeypatch):
    main(["--points", "20", "--poses", "2", "--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert "plain definitions" in lines[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:11]]
    assert [row[1] for row in rows] == ["-", "-", "-", "1", "1", "2", "2", "315", "315"]
    assert all(float(row[5]) < 1e-6 for row in rows)


def test_a_checkout_of_the_toolkit(capsys, tmp_path, monkeypatch):
    """One that holds nothing but the definitions."""
    package = tmp_path / "bop_toolkit_lib"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "pose_error.py").write_text(
        "from bop_errors import Plain\n"
        "add, adi, proj, mssd, mspd = Plain.add, Plain.adi, Plain.proj, Plain.mssd, Plain.mspd\n"
    )
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    main(["--toolkit", str(tmp_path), "--points", "9", "--poses", "1", "--repeats", "1"])
    assert "BOP toolkit, ms/pose" in capsys.readouterr().out
