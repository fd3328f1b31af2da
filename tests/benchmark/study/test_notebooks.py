"""Studies in a Jupyter kernel: workers, progress, and a model of a cell that is trained again once it is edited."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = """
import sentibench as sb
from baselines import ModelConfig, ModelInfo
from baselines.constant import Constant
from tests.samples import make_samples

def study(model):
    fields = {"datasets": [make_samples(words=False)], "models": [model], "protocols": ["complete"], "seeds": 1}
    made = sb.run(fields, out="runs", workers=1)
    return [record.error or record.id for record in made.records], made.executed
"""
MODEL = """
@sb.register("mine", config=ModelConfig, info=ModelInfo("mine", "this test", 2026))
class Mine(Constant):
    def forward(self, batch):
        return super().forward(batch){change}
study("mine")
"""


@pytest.mark.slow
def test_a_kernel_runs_studies_and_knows_the_models_of_its_cells(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel, of the extra 'dev'")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel, of the extra 'dev'")
    pytest.importorskip("ipykernel", reason="needs nbclient and ipykernel, of the extra 'dev'")
    cells = [SAMPLES, "study('constant')", *(MODEL.format(change=text) for text in ("", "", "  # edited"))]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython")}
    client = nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    results = []
    for cell in book.cells[1:]:
        results += [
            output["data"]["text/plain"] for output in cell.outputs if output["output_type"] == "execute_result"
        ]
    ids, executed = zip(*map(eval, results), strict=True)
    assert executed == (1, 1, 0, 1)
    assert ids[1] == ids[2] != ids[3]
    shown = [output["data"]["text/html"] for output in book.cells[1].outputs if output["output_type"] == "display_data"]
    assert shown == ['<progress value="1" max="1"></progress> 1 of 1 run ']
