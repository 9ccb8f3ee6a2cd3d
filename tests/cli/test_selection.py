"""``alkit select`` chooses as ``al.select`` does, and loses nothing."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import alkit as al
from alkit.cli import main

N = 60
NAMES = [f"photos/img_{row:02d}.jpg" for row in range(N)]
RNG = np.random.default_rng(0)
E = RNG.normal(size=(N, 4)).astype(np.float32)
P = RNG.dirichlet(np.ones(3), N)
DONE = NAMES[:20:2]
BASIS = ["--names", "names.txt", "--embeddings", "e.npy", "--annotated", "done.csv"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("e.npy", E)
    np.save("p.npy", P)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    (tmp_path / "done.csv").write_text("name,label\n" + "".join(f"{name},1\n" for name in DONE))
    return tmp_path


def select(*arguments):
    return main(["select", *map(str, arguments)])


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def names_in(path):
    return [row["name"] for row in read(path)]


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["--selector", "kcenter"], {"selector": al.KCenter()}),
        (["--selector", "power(beta=4)"], {"selector": al.Power(beta=4)}),
        (["--criterion", "entropy"], {"criterion": al.Entropy()}),
        (
            ["--criterion", "rank(margin)+rank(entropy)", "--selector", "coral"],
            {
                "criterion": al.Rank(al.Margin()) + al.Rank(al.Entropy()),
                "selector": al.Coral(),
            },
        ),
        (["--selector", "random"], {"selector": al.Random()}),
    ],
)
def test_the_picks_are_those_of_al_select_with_the_same_seed(options, arguments):
    basis = [*BASIS, "--probabilities", "p.npy", *options, "--seed", 5]
    assert select(*basis, "-n", 7, "--tag", "a", "-o", "a.csv") == 0
    query = al.select(
        7, embeddings=E, probabilities=P, names=NAMES, annotated=DONE, seed=5, **arguments
    )
    assert names_in("tags/a.csv") == names_in("a.csv") == list(query.names)
    scores = [row["score"] for row in read("a.csv")]
    expected = [""] * 7 if query.scores is None else [f"{score:.6g}" for score in query.scores]
    assert scores == expected
    assert select(*basis, "--total", 17, "-o", "b.json") == 0
    assert json.loads(Path("b.json").read_text()) == list(query.names)


def test_the_terminal_has_how_many_by_what_rule_and_where(capsys):
    assert select(*BASIS, "-n", 7, "--selector", "kcenter", "--tag", "round-1", "--seed", 3) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Chose 7 of 50 candidates by KCenter() (seed 3). Annotated before: 10.",
        "Tag round-1: tags/round-1.csv",
    ]


def test_names_go_to_the_terminal_where_no_file_is_written(capsys):
    assert select(*BASIS, "-n", 3, "--selector", "random", "--seed", 1) == 0
    printed = capsys.readouterr()
    expected = al.select(3, names=NAMES, annotated=DONE, selector=al.Random(), seed=1)
    assert printed.out.split() == list(expected.names)
    assert "Chose 3 of 50" in printed.err


def test_a_seed_that_is_not_given_is_printed_and_repeats_the_choice(capsys):
    assert select(*BASIS, "-n", 5, "--selector", "random") == 0
    first = capsys.readouterr()
    seed = first.err.split("(seed ")[1].split(")")[0]
    assert select(*BASIS, "-n", 5, "--selector", "random", "--seed", seed) == 0
    assert capsys.readouterr().out == first.out


def test_rounds_build_on_each_other(capsys):
    chosen = set(DONE)
    for number in range(1, 5):
        after = [] if number == 1 else ["--after", f"round-{number - 1}"]  # and those before it
        assert select(*BASIS, *after, "-n", 9, "--selector", "kcenter",
                      "--tag", f"round-{number}") == 0  # fmt: skip
        new = names_in(f"tags/round-{number}.csv")
        assert len(new) == 9
        assert chosen.isdisjoint(new)
        chosen.update(new)
        assert f"Annotated before: {len(chosen) - 9}." in capsys.readouterr().out
    assert read("tags/round-4.csv")[0]["after"] == "round-3"
    both = al.select(2, embeddings=E, names=NAMES, annotated=sorted(chosen), selector=al.KCenter(),
                     seed=0)  # fmt: skip
    options = ["-n", 2, "--selector", "kcenter", "--seed", 0, "-o", "x.json"]
    assert select(*BASIS, "--after", "round-4,round-2", "round-1", *options) == 0
    assert set(json.loads(Path("x.json").read_text())) == set(both.names)


def test_a_tag_that_is_annotated_by_now_counts_once(capsys):
    assert select(*BASIS, "-n", 4, "--selector", "kcenter", "--tag", "a") == 0
    with open("done.csv", "a") as file:
        file.writelines(f"{name},0\n" for name in names_in("tags/a.csv"))
    capsys.readouterr()
    assert select(*BASIS, "--after", "a", "--total", 20, "--selector", "random", "-o", "b.txt") == 0
    assert "Chose 6 of 46 candidates by Random()" in capsys.readouterr().out
    assert len(set(Path("b.txt").read_text().split()) - set(DONE)) == 6


def test_a_subset_is_a_tag_or_a_file_and_arrays_may_have_its_rows_alone(here):
    sharp = NAMES[5:40]
    ours = [row for row in range(5, 40) if NAMES[row] not in DONE]
    np.save("short.npy", P[ours])
    expected = al.select(6, probabilities=P, names=NAMES, annotated=DONE, among=sharp)
    (here / "tags").mkdir()
    (here / "tags" / "sharp.json").write_text(json.dumps(sharp))
    (here / "sharp.txt").write_text("\r\n".join(sharp) + "\r\n")
    for among in ("sharp", "sharp.txt", "tags/sharp.json"):
        for array in ("p.npy", "short.npy"):
            out = f"{among.replace('/', '_')}-{array}.json"
            options = ["--probabilities", array, "--names", "names.txt", "--annotated", "done.csv"]
            assert select(*options, "--among", among, "-n", 6, "-o", out) == 0
            assert json.loads(Path(out).read_text()) == list(expected.names)


def test_ready_made_scores_come_as_an_array_or_joined_by_name(capsys):
    scores = RNG.normal(size=N)
    np.save("s.npy", scores)
    order = RNG.permutation(N)
    with open("s.csv", "w") as file:
        file.write("score,name\n")
        file.writelines(
            f"{float(scores[row])!r},{NAMES[row]}\n" for row in order if row not in (0, 2)
        )
    best = [row for row in np.argsort(-scores) if NAMES[row] not in DONE][:5]
    for file in ("s.npy", "s.csv"):
        assert select("--names", "names.txt", "--annotated", "done.csv", "--scores", file,
                      "-n", 5) == 0  # fmt: skip
        assert capsys.readouterr().out.split() == [NAMES[row] for row in best]


def test_without_names_rows_have_numbers(capsys):
    basis = ["--embeddings", "e.npy", "--selector", "kcenter", "--seed", 2]
    assert select(*basis, "-n", 5, "--tag", "a", "-o", "a.txt") == 0
    first = list(al.select(5, embeddings=E, selector=al.KCenter(), seed=2))
    assert [int(row["id"]) for row in read("tags/a.csv")] == first
    capsys.readouterr()
    assert select(*basis, "-n", 3, "--after", "a") == 0
    second = al.select(3, embeddings=E, annotated=first, selector=al.KCenter(), seed=2)
    told = capsys.readouterr().out.split()
    assert told == [str(row) for row in second]
    assert select(*basis, "-n", 3, "--annotated", "a.txt") == 0
    assert capsys.readouterr().out.split() == told


def test_embeddings_are_mapped_into_memory_and_unchanged(capsys):
    before = Path("e.npy").read_bytes()
    assert select(*BASIS, "-n", 3, "--selector", "kcenter") == 0
    assert Path("e.npy").read_bytes() == before
    assert "Warning" not in capsys.readouterr().err


@pytest.mark.parametrize("existing", ["tags/round-1.csv", "tags/round-1.json", "out.csv"])
def test_nothing_is_overwritten(existing, here, capsys):
    (here / "tags").mkdir()
    (here / existing).write_text("what people wrote")
    write = ["--tag", "round-1", "-o", "out.csv"]
    assert select(*BASIS, "-n", 3, "--selector", "kcenter", *write) == 2
    assert "exists already" in capsys.readouterr().err
    assert (here / existing).read_text() == "what people wrote"
    left = {path.name for path in here.rglob("*") if path.is_file()}
    assert left == {"e.npy", "p.npy", "names.txt", "done.csv", existing.split("/")[-1]}


KCENTER = [*BASIS, "--selector", "kcenter"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--embeddings", "no.npy", "-n", 3], "--embeddings no.npy: the file does not exist"),
        (["--embeddings", ".", "-n", 3], "--embeddings .: the file is a folder"),
        ([*BASIS, "-n", 3], "such as --selector max-herding with --embeddings"),
        ([*BASIS, "-n", 3, "--selector", "auto"], "auto needs the network"),
        ([*BASIS, "-n", 3, "--selector", "max-herding(space=inputs)"],
         "no samples: leave the space out, which takes --embeddings, or use space=given('FILE"),
        (["--selector", "random", "-n", 3], "pass --probabilities, --embeddings, --scores"),
        (KCENTER, "give n, the number of new rows, or --total"),
        ([*KCENTER, "-n", 51], "51 samples were requested, but only 50 are unannotated"),
        ([*KCENTER, "-n", 0], "at least 1 sample"),
        ([*KCENTER, "--total", 10], "total=10 includes the 10 annotated rows, so nothing is left"),
        ([*KCENTER, "-n", 6, "--among", "few.txt"], "only 5 of --among are unannotated"),
        ([*KCENTER[2:4], "--selector", "kcenter", "-n", 3, "--names", "few.txt"],
         "embeddings has 60 rows (names 5): expected 5"),
        ([*KCENTER, "-n", 3, "--probabilities", "5.npy"], "probabilities has 5 rows (embeddings"),
        ([*KCENTER, "-n", 3, "--names", "twice.txt"], "'a' is the name of row 0 and of row 2."),
        ([*KCENTER, "-n", 3, "--names", "done.json"], "--names='done.json' is not a JSON file"),
        ([*KCENTER, "-n", 3, "--annotated", "twice.txt"], "twice.txt: 'a' and 2 more are not amo"),
        ([*KCENTER, "-n", 3, "--annotated", "p.npy"], "is not a CSV file that can be read"),
        ([*KCENTER, "-n", 3, "--annotated", "few2.txt"], "row 55 ('photos/img_55.jpg') is given"),
        ([*KCENTER, "-n", 3, "--after", "rond-1"], "no tag 'rond-1' in tags. Did you mean 'round"),
        ([*KCENTER, "-n", 3, "--among", "x"], "no tag 'x' in tags, and no such file; available:"),
        ([*KCENTER, "-n", 3, "--among", "two"], "not clear: tags has two.csv and two.txt"),
        ([*KCENTER, "-n", 3, "--after", "bad"], "--after='tags/bad.csv' is not a CSV file"),
        ([*KCENTER, "-n", 3, "--tag", "../x"], "a tag is named with letters, digits"),
        ([*KCENTER, "-n", 3, "--tag", "x.csv"], "without the suffix of a file"),
        ([*KCENTER, "-n", 3, "-o", "x.parquet"], "the suffix must be one of .csv, .json, .txt"),
        ([*BASIS, "-n", 3, "--selector", "kcentr"], "Did you mean 'kcenter'?"),
        ([*BASIS, "-n", 3, "--selector", "typiclust"], "Did you mean 'typi-clust'?"),
        ([*BASIS, "-n", 3, "--selector", "margin"], "unknown selector 'margin'; available: bait"),
        ([*BASIS, "-n", 3, "--selector", "power(bta=4)"], "unexpected keyword argument 'bta'"),
        ([*KCENTER, "-n", 3, "--criterion", "marginn"], "Did you mean 'margin'?"),
        ([*KCENTER, "-n", 3, "--seed", -1], "seed must be an integer from 0"),
        ([*KCENTER, "-n", 3, "--embeddings", "nan.npy"], "1 of 50 samples (the first: row 17)"),
        ([*KCENTER, "-n", 3, "--embeddings", "names.txt"], "is not a .npy file"),
        ([*KCENTER, "-n", 3, "--embeddings", "cut.npy"], "is not an array of numbers: mmap"),
        (["--probabilities", "e.npy", "-n", 3], "--probabilities: the rows are negative or do n"),
        (["--scores", "done.csv", "-n", 3], "--scores done.csv has no column score"),
        ([*BASIS, "--scores", "s.csv", "-n", 3], "s.csv has no score for 46 of 50 candidates, su"),
        ([*BASIS, "--scores", "x.csv", "-n", 3], "--scores x.csv, line 3: 'high' is not a score"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_message_and_nothing_is_written(arguments, told, here, capsys):
    np.save("5.npy", P[:5])
    np.save("nan.npy", np.where(np.arange(N)[:, None] == 17, np.nan, E))
    (here / "cut.npy").write_bytes((here / "e.npy").read_bytes()[:300])
    (here / "few.txt").write_text("\n".join(NAMES[55:]))
    (here / "few2.txt").write_text("\n".join([*NAMES[55:], NAMES[55]]))
    (here / "twice.txt").write_text("a\nb\na")
    (here / "done.json").write_text("[1")
    (here / "s.csv").write_text("name,score\n" + "".join(f"{name},1\n" for name in NAMES[56:]))
    (here / "x.csv").write_text(f"name,score\n{NAMES[0]},1\n{NAMES[1]},high\n")
    (here / "tags").mkdir()
    for tag in ("round-1.csv", "two.csv", "two.txt"):
        (here / "tags" / tag).write_text("name\n" + NAMES[30])
    (here / "tags" / "bad.csv").write_text("name,after\n" + "x" * 200_000)
    before = sorted(here.rglob("*"))
    assert select(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    message = printed.err.replace("Loading PyTorch ...\n", "")
    assert message.startswith("alkit: ")
    assert message.count("\n") == 1
    assert told in message
    assert sorted(here.rglob("*")) == before
