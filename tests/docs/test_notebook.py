"""The notebook of a replay runs, and the outputs that are kept in it are its own."""

from __future__ import annotations

import json
from typing import Any

from tests.docs.blocks import ROOT, run

NOTEBOOK = ROOT / "examples" / "replay.ipynb"
END_OF_CELL = "-- end of cell --"


def text_of(value: str | list[str]) -> str:
    """Of a field that may be lines."""
    return "".join(value)


def kept(cell: dict[str, Any]) -> list[str]:
    """The lines that a cell printed when its outputs were kept."""
    return [
        line
        for output in cell["outputs"]
        if output["output_type"] == "stream"
        for line in text_of(output["text"]).splitlines()
    ]


def test_notebook_runs_and_prints_what_it_keeps() -> None:
    """Cell by cell, as one program; nothing in it is of IPython alone."""
    cells = [
        cell
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    program = "".join(f"{text_of(cell['source'])}\nprint({END_OF_CELL!r})\n" for cell in cells)
    lines = run(program, environment={"MPLBACKEND": "agg"})
    assert lines == [line for cell in cells for line in (*kept(cell), END_OF_CELL)]
    assert sum(len(kept(cell)) for cell in cells) > 3


def test_notebook_keeps_small_pictures() -> None:
    """One of each plot; the file stays below 150 kB."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    pictures = [
        output
        for cell in cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 4
    assert NOTEBOOK.stat().st_size < 150_000
