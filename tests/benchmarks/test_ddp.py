import json
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


def test_the_page_has_the_figures_of_the_record(part):
    part("")
    ddp = import_module("ddp")
    record = json.loads(ddp.RECORD.read_text())
    assert ddp.sentence(record) in ddp.PAGE.read_text()
    assert all(row["same_picks"] for row in record["rows"])
