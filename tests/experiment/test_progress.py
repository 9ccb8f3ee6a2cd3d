from alkit.experiment.progress import Progress

ROW = {"strategy": "margin", "seed": 3, "round": 1, "annotated": 20, "testAccuracy": 0.8756}


def test_it_says_where_it_is_and_what_came_of_it(capsys):
    with Progress(total=8, done=2, rounds=4, metric=None, shown=True) as bar:
        bar.show([ROW])
        bar.tell("a trial failed")
    shown = capsys.readouterr()
    assert "margin, seed 3, round 2 of 4" in shown.err
    assert "20 labels: 0.876" in shown.err
    assert "3/8" in shown.err
    assert "a trial failed" in shown.out + shown.err


def test_where_it_is_not_wanted_nothing_is_printed(capsys):
    with Progress(total=8, done=2, rounds=4, metric=None, shown=False) as bar:
        bar.show([ROW])
        bar.tell("a trial failed")
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""
