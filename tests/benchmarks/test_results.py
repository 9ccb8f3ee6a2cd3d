import json
from pathlib import Path

import pytest

RESULTS = sorted((Path(__file__).parents[2] / "benchmarks" / "results").iterdir())


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_a_record_is_whole(path):
    text = path.read_text()
    for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
        assert json.loads(part)
