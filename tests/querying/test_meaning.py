"""The meaning of outputs: declared by the loss or the call, or an error that lists the choices."""

from types import SimpleNamespace

import lightning as L
import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError, PredictionError, SelectionWarning
from alkit.querying.meaning import Meaning, meaning_of

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
LABELS = (X @ torch.randn(4, 5, generator=torch.Generator().manual_seed(1)) > 0).float()
CLASSES = LABELS[:, :3].argmax(1)


def pool_of(y, n=12):
    pool = al.ActiveLearningDataset(TensorDataset(X, y))
    pool.annotate(range(n))
    return pool


def multilabel(criterion=None, selector=None, **options):
    net = al.MultiLayerPerceptron(4, [16], 5)
    options = {"loss": nn.BCEWithLogitsLoss(), "seed": 0, **options}
    strategy = al.Strategy(net, pool_of(LABELS), criterion, selector, **options).build()
    strategy.fit(max_steps=30, enable_progress_bar=False)
    return strategy


def label_probabilities(strategy):
    ids = strategy.train_pool.unannotated_indices
    with torch.no_grad():
        return ids, strategy.module.eval()(X[ids]).sigmoid().double().numpy()


# --- independent labels -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "of_label"),
    [
        (al.Entropy(), lambda p: scipy_entropy([p, 1 - p])),
        (al.Margin(), lambda p: 1 - abs(2 * p - 1)),
        (al.LeastConfidence(), lambda p: np.minimum(p, 1 - p)),
        (al.Ratio(), lambda p: np.minimum(p, 1 - p) / np.maximum(p, 1 - p)),
    ],
)
def test_labels_of_a_binary_loss_are_scored_one_by_one_and_averaged(criterion, of_label):
    strategy = multilabel(criterion)
    query = strategy.query(6)
    ids, p = label_probabilities(strategy)
    scores = of_label(p).mean(1)
    assert list(query) == ids[np.argsort(-scores)[:6]].tolist()
    assert query.scores == pytest.approx(np.sort(scores)[::-1][:6], rel=1e-4)
    assert (
        query.guesses.tolist()
        == (p[np.searchsorted(ids, query.indices)] >= 0.5).astype(int).tolist()
    )
    assert "mean over 5 labels" in query.why


def test_posterior_samples_of_labels_are_scored_label_by_label():
    z = torch.randn(20, 7, 3, generator=torch.Generator().manual_seed(0))
    scores = al.BALD()(al.Prediction(z, task="multilabel"))
    each = [al.BALD()(al.Prediction(z[..., c : c + 1])) for c in range(3)]
    torch.testing.assert_close(scores, torch.stack(each).mean(0))


def test_a_formula_averages_its_terms_before_it_ranks_them():
    z = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    ours = al.Prediction(z, task="multilabel")
    formula = al.Rank(al.Margin()) + al.Entropy()
    expected = al.Rank(lambda _: al.Margin()(ours))(ours) + al.Entropy()(ours)
    torch.testing.assert_close(formula(ours), expected)


def test_one_column_of_a_binary_loss_is_the_binary_case():
    pool = pool_of(LABELS[:, 0])
    net = al.MultiLayerPerceptron(4, [16], 1)
    strategy = al.Strategy(net, pool, loss=nn.BCEWithLogitsLoss(), seed=0).build()
    assert strategy.query(3).guesses.shape == (3,)


@pytest.mark.parametrize("selector", [al.selectors.BAIT(), al.selectors.Falcun()])
def test_a_selector_for_exclusive_classes_refuses_independent_labels(selector):
    with pytest.raises(PredictionError, match="5 independent labels"):
        multilabel(al.Margin(), selector).query(3)


def test_badge_compares_gradients_of_independent_labels():
    strategy = multilabel(al.Margin(), al.KMeansPlusPlus(al.GradientEmbedding()))
    query = strategy.query(20)
    assert query.guesses.shape == (20, 5)
    assert len(set(query.indices.tolist())) == 20


def test_a_criterion_of_the_whole_row_refuses_independent_labels():
    prediction = al.Prediction(torch.randn(6, 3), task="multilabel", features=torch.randn(6, 2))
    with pytest.raises(PredictionError, match="3 independent labels"):
        al.criteria.ExpectedGradientLength()(prediction)
    with pytest.raises(PredictionError, match="label_probabilities"):
        al.Minimum(lambda p: p.mean_probabilities.amax(1), al.Margin())(prediction)


def test_the_doctor_and_a_stochastic_query_understand_independent_labels():
    strategy = multilabel(al.Entropy(), al.Power(2))
    query = strategy.query_and_update(6)
    assert "5 independent labels" in al.doctor(query)["meaning of outputs"].says
    assert al.doctor(query)["class skew"].verdict == "not seen"


# --- nothing is guessed -------------------------------------------------------------------------


class Own(L.LightningModule):
    def __init__(self, out=5):
        super().__init__()
        self.net = nn.Linear(4, out)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return nn.functional.binary_cross_entropy_with_logits(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("y", [LABELS, LABELS[:, 0] * 0.3, LABELS[:, :1]])
def test_labels_that_are_no_classes_need_a_declaration(y):
    with pytest.raises(ConfigurationError, match=r"task=\"multilabel\".* outputs=\"values\""):
        al.ActiveLearner(Own(), pool_of(y), seed=0).query(3)


def test_a_declaration_of_the_call_is_taken():
    learner = al.ActiveLearner(Own(), pool_of(LABELS), outputs="logits", task="multilabel", seed=0)
    assert learner.query(3).guesses.shape == (3, 5)
    learner = al.ActiveLearner(Own(1), pool_of(LABELS[:, 0] * 0.3), outputs="values", seed=0)
    with pytest.raises(PredictionError, match="regression"):
        learner.query(3)


def test_a_loss_that_declares_nothing_is_assumed_to_train_classes_and_the_doctor_reports_it():
    loss = lambda z, y: nn.functional.cross_entropy(z, y)  # noqa: E731
    strategy = al.Strategy(al.MultiLayerPerceptron(4, [], 3), pool_of(CLASSES), loss=loss, seed=0)
    found = al.doctor(strategy.build().query(3))["meaning of outputs"]
    assert (found.verdict, "assumed" in found.says) == ("note", True)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x[:, :, None] * self.scale


def test_three_axes_are_posterior_samples_only_where_they_are_declared():
    def strategy(net, **options):
        return al.Strategy(net, pool_of(CLASSES), seed=0, **options).build()

    with pytest.raises(ModelOutputError, match=r"\(32, 4, 3\).* tokens"):
        strategy(Tokens()).query(3)
    for declared in strategy(Tokens(), outputs=al.Prediction), strategy(al.MCDropout(dropout())):
        declared.query(3)
    net = Tokens()
    net.posterior_samples = True
    strategy(net).query(3)
    with pytest.raises(ModelOutputError, match=r"\(32, 2, 4, 3\).* outputs=.tokens"):
        strategy(al.Ensemble([Tokens(), Tokens()])).query(3)


def dropout():
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))


@pytest.mark.parametrize(
    "returns",
    [
        lambda z: SimpleNamespace(logits=z, loss=None),
        lambda z: {"logits": z, "hidden": 3},
        lambda z: (z, "state"),
    ],
)
def test_the_logits_in_what_a_model_returns_are_found(returns):
    class Wrapped(Own):
        def forward(self, x):
            return returns(self.net(x))

    torch.manual_seed(0)
    plain = Own(3)
    wrapped = Wrapped(3)
    wrapped.load_state_dict(plain.state_dict())
    queries = [al.ActiveLearner(m, pool_of(CLASSES), seed=0).query(5) for m in (plain, wrapped)]
    assert list(queries[0]) == list(queries[1])


def test_a_function_reads_what_the_model_returns():
    class Pair(Own):
        def forward(self, x):
            z = self.net(x)
            return -z, z

    torch.manual_seed(0)
    plain, pair = Own(3), Pair(3)
    pair.load_state_dict(plain.state_dict())
    expected = al.ActiveLearner(plain, pool_of(CLASSES), seed=0).query(5)
    for read in (
        lambda returned: returned[1],
        lambda returned: al.Prediction(returned[1].softmax(1), kind="probabilities"),
    ):
        query = al.ActiveLearner(pair, pool_of(CLASSES), outputs=read, seed=0).query(5)
        assert list(query) == list(expected)
        assert list(query.guesses) == list(expected.guesses)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": "softmax"}, "outputs must be one of logits"),
        ({"outputs": 3}, "outputs must be one of logits"),
        ({"task": "multi"}, "task must be one of multiclass"),
    ],
)
def test_an_unknown_declaration_is_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        al.ActiveLearner(Own(), pool_of(CLASSES), **options)


def test_an_attribute_of_the_module_that_is_no_kind_declares_nothing():
    module = Own(3)
    module.outputs = nn.Linear(3, 3)
    assert meaning_of(module, None, None) == Meaning()


# --- no information -----------------------------------------------------------------------------


def test_scores_that_are_all_equal_are_said_in_the_query():
    pool = pool_of(CLASSES)
    with pytest.warns(SelectionWarning, match="all 48 candidates have the same score"):
        query = al.Strategy(dead(), pool, al.Margin(), seed=0).build().query(3)
    assert "chance chose" in query.why


def dead():
    net = nn.Linear(4, 3)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    return net


def test_an_untrained_network_is_said_in_the_query_and_a_trained_one_is_not():
    strategy = al.Strategy(al.MultiLayerPerceptron(4, [8], 3), pool_of(CLASSES), seed=0).build()
    with pytest.warns(SelectionWarning, match="not trained"):
        assert "not trained" in strategy.query(3).why
    strategy.fit(max_steps=2, enable_progress_bar=False)
    assert strategy.query(3).why == "TopK() of Margin()"


def test_chance_that_was_asked_for_is_no_warning(recwarn):
    pool = pool_of(CLASSES)
    al.UniformStrategy(dead(), pool, seed=0).build().query(3)
    al.Strategy(dead(), pool, al.Constant(), seed=0).build().query(3)
    assert not [w for w in recwarn if issubclass(w.category, SelectionWarning)]


def test_probabilities_that_are_not_declared_are_refused_everywhere():
    p = torch.rand(30, 3).softmax(1)
    with pytest.raises(PredictionError, match="sums to one"):
        al.Prediction(p)
    with pytest.warns(SelectionWarning, match="look like probabilities"):
        al.select(3, prediction=al.Prediction(p, kind="logits"))


# --- labels against the meaning -----------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"outputs": "logits"}, {"outputs": lambda r: r}, {"outputs": al.Prediction}]
)
def test_multi_hot_labels_are_never_those_of_exclusive_classes(options):
    strategy = al.Strategy(al.MultiLayerPerceptron(4, [], 5), pool_of(LABELS), seed=0, **options)
    with pytest.raises(ConfigurationError, match=r"exclusive classes.* task=.multilabel"):
        strategy.build().query(3)
    learner = al.ActiveLearner(Own(), pool_of(LABELS), **options)
    with pytest.raises(ConfigurationError, match="exclusive classes"):
        learner.query(3)


def test_the_task_alone_declares_independent_labels():
    learner = al.ActiveLearner(Own(), pool_of(LABELS), task="multilabel", seed=0)
    assert learner.query(3).guesses.shape == (3, 5)


def test_soft_labels_are_those_of_exclusive_classes():
    soft = nn.functional.one_hot(CLASSES, 3).float() * 0.9 + 1 / 30
    strategy = al.Strategy(al.MultiLayerPerceptron(4, [], 3), pool_of(soft), seed=0).build()
    assert len(strategy.query(3)) == 3


@pytest.mark.parametrize("y", [CLASSES, X[:, 0], CLASSES.float()])
def test_one_column_is_of_two_classes_only_if_all_labels_are(y):
    loss = lambda z, y: ((z[:, 0] - y) ** 2).mean()  # noqa: E731
    strategy = al.Strategy(al.MultiLayerPerceptron(4, [], 1), pool_of(y), loss=loss, seed=0).build()
    with pytest.raises(ConfigurationError, match='outputs="values"'):
        strategy.query(3)


def test_a_mean_and_a_variance_of_posterior_samples_are_never_read_as_several_numbers():
    net = al.MCDropout(nn.Sequential(nn.Linear(3, 8), nn.Dropout(), nn.Linear(8, 2)), 4)
    pool = al.ActiveLearningDataset(TensorDataset(torch.randn(12, 3), torch.randn(12)))
    pool.annotate(range(4))

    def normal(z):
        return al.Prediction.regression(z[..., 0], z[..., 1].exp())

    strategy = al.Strategy(net, pool, al.criteria.Variance(), outputs=normal, loss=nn.MSELoss())
    with pytest.raises(ConfigurationError, match=r"4 posterior samples, .* as 4 columns"):
        strategy.build().query(2)


def test_a_sigmoid_before_a_loss_of_logits_is_said():
    net = nn.Sequential(nn.Linear(4, 5), nn.Sigmoid())
    strategy = al.Strategy(net, pool_of(LABELS), loss=nn.BCEWithLogitsLoss(), seed=0).build()
    with pytest.warns(SelectionWarning, match="softmax or sigmoid"):
        strategy.query(3)


def test_posterior_samples_that_are_equal_are_said():
    z = torch.randn(30, 1, 3).repeat(1, 7, 1)
    with pytest.warns(SelectionWarning, match="all posterior samples are equal"):
        al.select(3, prediction=al.Prediction(z), criterion=al.criteria.MeanStd())


def test_the_energy_of_log_probabilities_is_refused():
    with pytest.raises(PredictionError, match="log_softmax"):
        al.criteria.Energy()(al.Prediction(torch.randn(9, 3).log_softmax(1)))


def test_a_formula_of_tempered_labels_is_the_mean_over_labels():
    z = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    ours = al.Tempered(al.Entropy(), 2.0)(al.Prediction(z, task="multilabel"))
    torch.testing.assert_close(ours, al.Entropy()(al.Prediction(z / 2, task="multilabel")))


def test_sure_positives_and_negatives_score_alike():
    z = torch.tensor([[20.0], [-20.0], [30.0], [-30.0]])
    scores = al.Entropy()(al.Prediction(z))
    assert scores[:2].tolist() == pytest.approx([4.3e-8] * 2, rel=0.1)
    assert scores[2] == pytest.approx(float(scores[3]))
