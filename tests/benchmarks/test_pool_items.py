import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "pool_items.py"


@pytest.fixture
def main():
    return runpy.run_path(str(SCRIPT))["main"]


def test_an_item_of_the_pool_costs_about_what_the_dataset_takes(main, capsys):
    arguments = ["--size", "20000", "--items", "100", "--repeats", "100", "--limit", "4"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    for way in ("dataset[i]", "pool[i]", "annotated[k]", "unannotated[k]"):
        assert f"\n{way} " in shown


def test_a_ratio_above_the_limit_fails(main):
    assert main(["--size", "100", "--items", "10", "--repeats", "2", "--limit", "0.01"]) == 1
