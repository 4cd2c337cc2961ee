from tables import markdown_table


def test_columns_are_aligned() -> None:
    assert markdown_table(["a", "long"], [["wide", "1"], ["2", ""]]).splitlines() == [
        "| a    | long |",
        "| ---- | ---- |",
        "| wide | 1    |",
        "| 2    |      |",
    ]
