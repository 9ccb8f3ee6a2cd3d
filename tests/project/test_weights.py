"""Weights in the folder of a project: there after a restart, and never those of other labels."""

import alkit as al
from alkit.project.weights import FILE


def network(pool):
    return al.Strategy(al.MultiLayerPerceptron(4, [8], 3), pool, al.Margin(), seed=0).build()


def test_a_network_predicts_as_before_after_a_restart(points):
    options = {"strategy": network, "training": {"max_steps": 20}}
    project = points.project(**options)
    project.label(12, oracle=lambda ids: [project.classes[points.y[k]] for k in ids])
    project.train()
    before = project.predictions()
    project.close()
    again = points.project(**options)
    assert again.strategy.trained
    assert again.predictions() == before


def test_weights_of_other_labels_are_not_used_and_the_status_says_so(points):
    options = {"strategy": network, "training": {"max_steps": 20}}
    project = points.project(**options)
    project.label(12, oracle=lambda ids: [project.classes[points.y[k]] for k in ids])
    project.train()
    project.ledger.undo(project.ledger.entries()[0].uid)
    project.close()
    again = points.project(**options)
    assert not again.strategy.trained
    assert "labels that were changed since: train again" in str(again.status())
    again.train()
    assert again.strategy.trained


def test_the_file_is_whole_or_absent(points):
    project = points.project()
    project.label(12, oracle=lambda ids: [project.classes[points.y[k]] for k in ids])
    project.train()
    assert (project.folder / FILE).exists()
    assert not list((project.folder / "model").glob(".*"))
