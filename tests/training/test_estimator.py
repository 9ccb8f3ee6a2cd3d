"""A scikit-learn classifier as the model of a strategy does what one does by hand."""

import io

import lightning as L
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import ConfigurationError, EmptyPoolError, LabelError, ModelOutputError
from alkit.testing.laws import global_random_state_kept

X, Y = load_digits(return_X_y=True)
X, Y = (X / 16).astype(np.float32), Y.astype(np.int64)
TRAIN = TensorDataset(torch.from_numpy(X[:400]), torch.from_numpy(Y[:400]))
TEST = TensorDataset(torch.from_numpy(X[1500:]), torch.from_numpy(Y[1500:]))
QUIET = {"enable_progress_bar": False, "accelerator": "cpu"}


class Nearest:
    """A classifier of one's own."""

    def fit(self, x, y):
        self.found = np.unique(y)
        self.centers = np.stack([x[y == c].mean(0) for c in self.found])
        return self

    def predict_proba(self, x):
        far = np.linalg.norm(x[:, None] - self.centers, axis=-1)
        return np.exp(-far) / np.exp(-far).sum(1, keepdims=True)


def strategy(classifier=None, *parts, n=20, dataset=TRAIN, classes=None, **options):
    pool = al.ActiveLearningDataset(dataset)
    if n:
        pool.annotate_random(n, seed=0)
    classifier = LogisticRegression() if classifier is None else classifier
    model = al.Estimator(classifier, classes)
    options = {"test": TEST, "seed": 0, "test_batch_size": 128, **options}
    return al.Strategy(model, pool, *(parts or (al.Margin(),)), **options)


def by_hand(classifier, pool):
    known, free = pool.annotated_indices, pool.unannotated_indices
    return classifier.fit(X[known], Y[known]), free


CLASSIFIERS = [
    LogisticRegression(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    Nearest(),
]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
def test_picks_are_the_smallest_margins_of_predict_proba(classifier):
    learner = strategy(classifier)
    for _ in range(3):
        learner.fit(**QUIET)
        fitted, free = by_hand(classifier, learner.train_pool)
        top = np.sort(fitted.predict_proba(X[free]), 1)
        expected = free[np.argsort(top[:, -1] - top[:, -2])][:10]
        assert learner.query_and_update(10).indices.tolist() == expected.tolist()
        learner.reset_model()


def test_results_are_those_of_scikit_learn():
    learner = strategy(n=100)
    learner.fit(**QUIET)
    fitted, _ = by_hand(LogisticRegression(), learner.train_pool)
    results = learner.test(**QUIET)
    assert results["testMulticlassAccuracy"] == pytest.approx(fitted.score(X[1500:], Y[1500:]))
    expected = log_loss(Y[1500:], fitted.predict_proba(X[1500:]))
    assert results["test_loss_epoch"] == pytest.approx(expected, rel=1e-5)
    known = learner.train_pool.annotated_indices
    (trained,) = learner.history.history["train_loss_epoch"]["value"]
    assert trained == pytest.approx(log_loss(Y[known], fitted.predict_proba(X[known])), rel=1e-5)


@pytest.mark.parametrize(("classes", "columns"), [(None, 9), (10, 10)])
def test_a_class_not_seen_yet_has_probability_zero_and_columns_are_class_numbers(classes, columns):
    learner = strategy(n=0, classes=classes)
    seen = np.isin(Y[:400], [1, 4, 8])
    learner.train_pool.annotate(np.flatnonzero(seen)[:30])
    learner.fit(**QUIET)
    p = learner.context.predict(np.arange(400)).outputs[:, 0]
    assert p.shape == (400, columns)
    fitted, _ = by_hand(LogisticRegression(), learner.train_pool)
    np.testing.assert_array_equal(p[:, [1, 4, 8]], fitted.predict_proba(X[:400]))
    assert not p[:, [0, 2, 3, 5, 6, 7]].any()
    assert learner.test(**QUIET)["testMulticlassAccuracy"] == pytest.approx(
        fitted.score(X[1500:], Y[1500:])  # classes that were never seen count as errors
    )


def test_a_fit_is_one_step_and_needs_no_budget():
    learner, plain = strategy(), strategy()
    learner.fit(max_steps=7, max_epochs=3, **QUIET)
    assert learner.trainer.current_epoch == 1
    trainer = L.Trainer(max_epochs=5, logger=False, enable_checkpointing=False, **QUIET)
    trainer.fit(plain)
    assert trainer.current_epoch == 1
    assert same(learner, plain)
    with pytest.raises(ConfigurationError, match="max_steps must be"):
        learner.fit(max_steps=0)
    with pytest.raises(EmptyPoolError):
        strategy(n=0).fit(**QUIET)


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return all(a[name].equal(b[name]) for name in a)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_order_and_size_of_batches_do_not_matter(batch_size):
    learner = strategy(batch_size=batch_size, steps_per_epoch=2)
    learner.fit(**QUIET)
    known = learner.train_pool.annotated_indices
    assert learner.module.labels.tolist() == Y[known].tolist()
    np.testing.assert_array_equal(learner.module.inputs, X[known])


def test_a_run_repeats_by_its_seed_and_fits_differ():
    def run(seed):
        learner, events = strategy(RandomForestClassifier(5), seed=seed), []
        for _ in range(2):
            learner.fit(**QUIET)
            events += [list(learner.query(10)), learner.test(**QUIET)]
            learner.reset_model()
        return events

    with global_random_state_kept("Estimator", "a run"):
        first = run(0)
    assert first == run(0)
    assert first != run(1)
    assert first[:2] != first[2:]


def test_reset_model_discards_the_fit():
    classifier = LogisticRegression()
    learner = strategy(classifier, classes=10)
    learner.fit(**QUIET)
    assert learner.trained
    learner.reset_model()
    assert not learner.trained
    assert not hasattr(classifier, "coef_")
    assert (learner.context.predict([0, 1]).outputs == 0.1).all()
    learner.fit(**QUIET)
    twin = learner.new().build()
    assert not twin.trained
    assert learner.trained


def test_a_state_that_is_loaded_is_fitted_again():
    learner, other = (
        strategy(RandomForestClassifier(5)),
        strategy(RandomForestClassifier(5), seed=9),
    )
    learner.fit(**QUIET)
    expected = learner.query(10)
    other.fit(**QUIET)
    assert list(other.query(10)) != list(expected)
    other.load_state_dict(learner.state_dict())
    other.seed = learner.seed
    assert list(other.query(10)) == list(expected)
    copied = torch.load(_saved(learner), weights_only=True)
    other.reset_model()
    other.module.load_state_dict(copied)
    assert list(other.query(10)) == list(expected)


def _saved(learner):
    file = io.BytesIO()
    torch.save(learner.module.state_dict(), file)
    file.seek(0)
    return file


def test_a_look_again_ends_with_the_fit_it_saw():
    learner = strategy()
    learner.fit(**QUIET)
    query = learner.query(5)
    assert query.trace.look_again().drift < 1e-6
    learner.fit(**QUIET)
    assert query.trace.look_again() is None


def test_selectors_compare_the_inputs():
    learner = strategy(None, None, al.KCenter())
    expected = al.select(
        10,
        embeddings=X[:400],
        annotated=learner.train_pool.annotated_indices,
        selector=al.KCenter(),
        seed=learner.seed,
        round=1,
    )
    assert list(learner.query(10)) == list(expected)  # before any fit
    assert len(strategy(None, None, al.Random()).query(5)) == 5


@pytest.mark.parametrize("selector", [al.TopK(), al.Power(), al.Coral(), al.UncertaintyHerding()])
@pytest.mark.parametrize("classifier", [LogisticRegression(), RandomForestClassifier(5)])
def test_the_laws_of_strategies_hold(classifier, selector):
    al.testing.check_strategy(
        lambda pool, test: al.Strategy(
            al.Estimator(classifier), pool, al.Margin(), selector, test=test, seed=0
        )
    )


def test_images_are_flattened_and_whole_numbers_converted():
    images = (X[:400].reshape(-1, 1, 8, 8) * 16).astype(np.uint8)
    data = TensorDataset(torch.from_numpy(images), TRAIN.tensors[1])
    learner = strategy(dataset=data, test=None)
    learner.fit(**QUIET)
    known = learner.train_pool.annotated_indices
    fitted = LogisticRegression().fit(X[known] * 16, Y[known])
    p = learner.context.predict([0, 1, 2]).outputs[:, 0, fitted.classes_]
    np.testing.assert_array_equal(p, fitted.predict_proba(X[:3] * 16))


def test_the_metrics_give_the_number_of_classes():
    accuracy = MulticlassAccuracy(num_classes=10, average="micro")
    model = al.Estimator(LogisticRegression(), test_metrics=[accuracy])
    assert model.num_classes == 10
    learner = al.ActiveLearner(model, strategy().train_pool, test=TEST, seed=0)
    learner.fit(**QUIET)
    plain = strategy()
    plain.fit(**QUIET)
    assert learner.test(**QUIET)["testMulticlassAccuracy_epoch"] == pytest.approx(
        plain.test(**QUIET)["testMulticlassAccuracy"]
    )


def test_it_trains_without_a_strategy():
    model = al.Estimator(LogisticRegression())
    al.Trainer(max_epochs=1, **QUIET).fit(model, DataLoader(TRAIN, 32))
    expected = LogisticRegression().fit(X[:400], Y[:400]).predict_proba(X[400:500])
    np.testing.assert_array_equal(model(torch.from_numpy(X[400:500])), expected)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (torch.from_numpy(Y[:400]), 5, r"class \d: .*num_classes is 5"),
        (torch.from_numpy(Y[:400]) * 1.0, None, "integer per sample, got torch.float32"),
        (torch.zeros(400, 3).long(), None, r"shape \(200, 3\)"),
    ],
)
def test_labels_that_are_not_class_numbers_are_refused(labels, classes, message):
    learner = strategy(n=200, dataset=TensorDataset(TRAIN.tensors[0], labels), classes=classes)
    with pytest.raises(LabelError, match=message):
        learner.fit(**QUIET)
    assert not learner.trained


def test_inputs_that_are_not_numbers_are_refused():
    with pytest.raises(ModelOutputError, match="inputs that are numbers, got list"):
        al.Estimator(LogisticRegression())(["a", "b"])


def test_arguments_are_checked():
    with pytest.raises(ConfigurationError, match="num_classes must be"):
        al.Estimator(LogisticRegression(), 0)
    with pytest.raises(ConfigurationError, match="did you mean LogisticRegression"):
        al.Estimator(LogisticRegression)
    assert "LogisticRegression(C=2.0), num_classes=3" in repr(
        al.Estimator(LogisticRegression(C=2.0), 3)
    )
