from argparse import Namespace
from importlib import import_module


def test_the_benchmark_of_processes_measures_each_selector(part):
    part("")  # puts the folder on the path
    ddp = import_module("ddp")
    found = ddp.measure(Namespace(images=150, repeats=1))
    assert found.keys() == ddp.SELECTORS.keys()
    for row in found.values():
        assert row["seconds"] > 0
        assert len(set(row["picks"])) == 100
