"""How command lines end on an error of the user."""

import pytest
from torch.utils.data import DataLoader

from epropnp_det.errors import UserError, exit_on_user_error


def test_sentence_and_status(capsys):
    with pytest.raises(SystemExit) as stop, exit_on_user_error():
        raise UserError("no such thing: mend it.")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: no such thing: mend it.\n"


def test_error_of_a_data_loader_worker_is_one_line(capsys):
    class Faulty:
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> None:
            raise UserError(f"item {index} is broken: mend it.")

    with pytest.raises(SystemExit), exit_on_user_error():
        next(iter(DataLoader(Faulty(), num_workers=1)))
    assert capsys.readouterr().err == "error: item 0 is broken: mend it.\n"


def test_defect_is_passed_on():
    with pytest.raises(ValueError, match="defect"), exit_on_user_error():
        raise ValueError("defect")
