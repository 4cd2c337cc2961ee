"""Tables that are as readable in a terminal as in Markdown."""

from __future__ import annotations


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table with aligned columns; every row has a cell for each name in the header."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, rule, *rows]
    ]
    return "\n".join(f"| {line} |" for line in lines)
