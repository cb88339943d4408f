"""The notebook for beginners, executed as it stands."""

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "kaggle_start.ipynb"


@pytest.mark.slow
def test_the_notebook_goes_the_whole_road_with_bars_tables_and_plots_inline(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    client.NotebookClient(book, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    data = [output.data for output in outputs if "data" in output]
    assert sum("image/png" in shown for shown in data) == 2
    assert sum("<table>" in shown.get("text/html", "") for shown in data) >= 4
    assert len(list((tmp_path / "kaggle_start").rglob("*.card.json"))) == 1


def test_the_notebook_is_kept_without_outputs():
    nbformat = pytest.importorskip("nbformat")
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs") and not cell.get("execution_count")
