"""Ties, posterior samples, and scores that are others when they are computed again."""

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import PredictionError, SelectionWarning


def data(n=90):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 4, generator=generator), torch.arange(n) % 3


def pool_of(transform=None, scoring_transform=None):
    pool = al.ActiveLearningDataset(
        TensorDataset(*data()), transform=transform, scoring_transform=scoring_transform
    )
    pool.annotate_random(30, seed=0)
    return pool


class Net(nn.Module):
    """A small network, whose parts may be active while they should not."""

    posterior_samples = True  # where it makes several passes

    def __init__(self, *, batchnorm=False, dropout=0.0, passes=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.hidden = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU())
            self.drop, self.last = nn.Dropout(0.5), nn.Linear(16, 3)
        self.batchnorm, self.dropout, self.passes = batchnorm, dropout, passes

    def forward(self, x):
        if self.batchnorm:
            self.hidden.train()
        h = nn.functional.dropout(self.hidden(x), self.dropout, training=True)
        if self.passes:
            return torch.stack([self.last(self.drop(h)) for _ in range(self.passes)], 1)
        return self.last(h)


def diagnosis(net, criterion=None, pool=None, n=12, **options):
    options = {"batch_size": 16, "features": "model.hidden", "seed": 0, **options}
    strategy = al.Strategy(net, pool or pool_of(), criterion, **options).build()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return al.doctor(strategy.query(n))


# --- ties ---------------------------------------------------------------------------------------


def scored(scores, n=10):
    values = torch.as_tensor(scores)
    return al.select(
        n, embeddings=torch.zeros(len(values), 1), criterion=lambda prediction: values, seed=0
    )


def test_one_score_for_all_is_a_warning():
    found = al.doctor(scored(torch.full((100,), 0.3)))["tied scores"]
    assert (found.verdict, found.value) == ("warning", 1.0)
    assert "all 100 candidates have the same score" in found.says


def test_picks_that_were_drawn_from_a_tie_are_counted():
    scores = torch.arange(100.0)
    scores[:97] = 7
    found = al.doctor(scored(scores))["tied scores"]
    assert (found.verdict, found.value) == ("warning", pytest.approx(0.7))
    scores = torch.arange(100.0)
    scores[89] = 90  # the last pick and the first that was left
    found = al.doctor(scored(scores))["tied scores"]
    assert (found.verdict, found.value) == ("ok", pytest.approx(0.1))


def test_ties_that_decide_nothing_are_none():
    scores = torch.arange(100.0)
    scores[90:], scores[:50] = 99, 3
    found = al.doctor(scored(scores))["tied scores"]
    assert (found.verdict, found.value) == ("ok", 0)


def test_a_term_that_is_the_same_for_all_is_a_note():
    p = torch.rand(60, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
    query = al.select(9, probabilities=p, criterion=al.Margin() + al.criteria.Constant(2), seed=0)
    found = al.doctor(query)["tied scores"]
    assert (found.verdict, found.says) == ("note", "the same for every candidate: Constant(2)")
    margin = al.select(9, probabilities=p, seed=0)
    assert al.doctor(margin)["tied scores"].verdict == "ok"


def test_where_all_are_picked_no_tie_decides():
    assert al.doctor(scored(torch.ones(10)))["tied scores"].verdict == "not seen"
    assert al.doctor(scored(torch.ones(11)))["tied scores"].verdict == "warning"


# --- posterior samples --------------------------------------------------------------------------


def test_dropout_that_is_off_gives_equal_posterior_samples():
    found = diagnosis(Net(passes=4), al.criteria.BALD())["posterior samples"]
    assert (found.verdict, found.says, found.value) == ("warning", "4 samples, all equal", 0)
    assert "nn.Dropout is off" in found.do


def test_dropout_that_is_on_gives_samples_that_differ():
    class Dropping(Net):
        def forward(self, x):
            self.drop.train()
            return super().forward(x)

    found = diagnosis(Dropping(passes=4), al.criteria.BALD())
    assert found["posterior samples"].verdict == "ok"
    assert 0.01 < found["posterior samples"].value <= 1
    assert found["repeatable scores"].verdict == "note"
    assert "drawn again" in found["repeatable scores"].means


@pytest.mark.parametrize("criterion", [al.criteria.BALD(), al.Margin() - al.criteria.MeanStd()])
def test_one_sample_has_no_disagreement_to_ask_for(criterion):
    with pytest.raises(PredictionError, match=r"disagreement .*\(K = 1\).* MCDropout"):
        diagnosis(Net(), criterion)
    assert diagnosis(Net(), al.Entropy())["posterior samples"].verdict == "not seen"


def test_the_variance_of_a_committee_is_something():
    y = torch.rand(50, 5, 1, generator=torch.Generator().manual_seed(0))
    prediction = al.Prediction(y, kind="values")
    query = al.select(5, prediction=prediction, criterion=al.criteria.Variance(), seed=0)
    assert al.doctor(query)["posterior samples"].verdict == "ok"


# --- what the outputs mean ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "verdict", "says"),
    [
        (None, "ok", "logits of 3 exclusive classes, declared by CrossEntropyLoss"),
        (nn.NLLLoss(), "ok", "log-probabilities of 3 exclusive classes, declared by NLLLoss"),
        (nn.MSELoss(), "ok", "values of 1 target, declared by MSELoss"),
        (nn.BCEWithLogitsLoss(), "ok", "logits of 3 independent labels, declared by BCEWith"),
        (lambda z, y: z.sum(), "note", "logits of 3 exclusive classes, assumed"),
    ],
)
def test_the_doctor_reports_what_the_outputs_mean_and_who_said_so(loss, verdict, says):
    class Soft(Net):
        def forward(self, x):
            return super().forward(x).log_softmax(1)

    class One(Net):
        def forward(self, x):
            return super().forward(x)[:, :1]

    criterion = al.criteria.Constant() if isinstance(loss, nn.MSELoss) else al.Margin()
    net = {nn.NLLLoss: Soft, nn.MSELoss: One}.get(type(loss), Net)()
    found = diagnosis(net, criterion, loss=loss)["meaning of outputs"]
    assert found.verdict == verdict
    assert found.says.startswith(says)


def test_a_function_that_makes_values_of_the_outputs_declares_them():
    def read(returned):
        return al.Prediction.regression(returned[:, 0], returned[:, 1].exp())

    found = diagnosis(
        Net(), al.criteria.Variance(), loss=lambda z, y: z.square().sum(), outputs=read
    )["meaning of outputs"]
    assert (found.verdict, found.says) == ("ok", "values of 1 target, declared by outputs=")


def test_a_softmax_before_a_loss_of_logits_is_found():
    class Soft(Net):
        def forward(self, x):
            return super().forward(x).softmax(1)

    with pytest.warns(SelectionWarning, match="as if the model ended in a softmax"):
        found = diagnosis(Soft())
    assert found["meaning of outputs"].verdict == "warning"
    assert "ended in a softmax" in found.query.why


# --- the same scores again ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "criterion",
    [None, al.Rank(al.Margin()) + al.Entropy(), al.criteria.Energy()],
)
def test_scores_of_a_network_in_eval_mode_are_repeatable(criterion):
    found = diagnosis(Net(), criterion)["repeatable scores"]
    assert found.verdict == "ok"
    assert found.value < 1e-4


@pytest.mark.parametrize("part", [{"batchnorm": True}, {"dropout": 0.2}])
def test_batchnorm_or_dropout_that_is_active_while_scoring_is_found(part):
    found = diagnosis(Net(**part))["repeatable scores"]
    assert found.verdict == "warning"
    assert found.value > 0.02
    assert "BatchNorm" in found.means


def test_augmentation_while_scoring_is_found_and_a_scoring_transform_mends_it():
    def augment(x):
        return x + torch.randn(4) / 4

    found = diagnosis(Net(), pool=pool_of(augment))["repeatable scores"]
    assert found.verdict == "warning"
    assert "scoring_transform" in found.do
    mended = diagnosis(Net(), pool=pool_of(augment, lambda x: x))["repeatable scores"]
    assert mended.verdict == "ok"


def test_features_that_depend_on_chance_are_found_without_scores():
    def spread(candidates, n, generator):
        return candidates.features.sum(1).topk(n).indices

    spread.needs = {"features"}
    for part, verdict in (({"batchnorm": True}, "warning"), ({}, "ok")):
        found = diagnosis(Net(**part), selector=spread)
        assert found["repeatable scores"].verdict == verdict
        assert found["tied scores"].verdict == "not seen"


def test_a_score_that_looks_at_its_batch_is_found():
    def relative(prediction):
        return prediction.outputs[:, 0, 0] - prediction.outputs[:, 0, 0].mean()

    assert diagnosis(Net(), relative)["repeatable scores"].verdict == "warning"


def test_arrays_are_looked_at_once():
    found = al.doctor(scored(torch.arange(20.0)))["repeatable scores"]
    assert (found.verdict, found.value) == ("not seen", None)
