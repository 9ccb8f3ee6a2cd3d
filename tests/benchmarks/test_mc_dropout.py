import json
import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mc_dropout.py"


def test_the_benchmark_runs_judges_and_writes_what_it_shows(data_dir, tmp_path, capsys):
    main, out = runpy.run_path(str(SCRIPT))["main"], tmp_path / "found.json"
    arguments = ["--images", "48", "--samples", "8", "--batch-sizes", "48", "--no-baal"]
    code = main([*arguments, "--data-dir", str(data_dir), "--out", str(out)])
    record, shown = json.loads(out.read_text()), capsys.readouterr().out
    least = min(table["least_share"] for table in record["tables"])
    assert code == (least < 1)
    assert f"smallest share of a target: {least:.2f}" in shown
    for table in record["tables"]:
        assert table["difference"] < 1e-5
        best = {row["way"]: row["seconds"] for row in table["rows"]}
        assert best["naive"] > 1.5 * best["alkit"]
