from raw_matches import SOLVERS, errors, main


def test_the_cost_for_matches_stands_wrong_ones():
    found = errors(24, 0.3)
    assert found.keys() == SOLVERS.keys()
    assert found["from_matches"][0] < 1 < 10 < found["HuberCost.adaptive"][0]


def test_table(capsys):
    main(["--objects", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8 and all(name in lines[0] for name in SOLVERS)
