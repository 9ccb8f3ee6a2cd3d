"""Fitted classifiers: columns are class numbers, whatever the library does with its labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError
from alkit.testing.laws import global_random_state_kept
from alkit.training.fitted import Fitted, check_classifier, fresh

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))


class Nearest:
    """A classifier of one's own, without scikit-learn's conventions: no classes_, no clone."""

    def __init__(self, count=None):
        self.count = count  # columns of a network with that many outputs

    def fit(self, x, y):
        self.found = range(self.count) if self.count else sorted(set(y.tolist()))
        self.centers = {c: x[y == c].mean(0) for c in set(y.tolist())}
        return self

    def predict_proba(self, x):
        far = np.full(len(x), 1e9)
        d = np.stack(
            [((x - self.centers[c]) ** 2).sum(1) if c in self.centers else far for c in self.found]
        )
        return (d.T.min(1, keepdims=True) == d.T).astype(int)


class FromZero(Nearest, BaseEstimator):
    """Accepts 0 .. k - 1 alone, as XGBoost does."""

    def __init__(self):
        super().__init__()

    def fit(self, x, y):
        if set(y.tolist()) != set(range(len(set(y.tolist())))):
            raise ValueError(f"Invalid classes inferred from unique values of `y`: {set(y)}")
        return super().fit(x, y)


class FromZeroWithClasses(FromZero):
    def fit(self, x, y):
        super().fit(x, y)
        self.classes_ = np.arange(len(self.found))
        return self


CLASSIFIERS = [GaussianNB(), Nearest(), Nearest(9), FromZero(), FromZeroWithClasses()]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
@given(st.sets(st.integers(0, 8), min_size=2))
def test_columns_are_class_numbers_and_classes_not_seen_have_probability_zero(classifier, seen):
    classes = np.array(sorted(seen))
    y = classes[np.arange(60) % len(classes)]
    x = np.eye(9)[y] * 5 + np.random.default_rng(1).normal(size=(60, 9)) / 9
    p = Fitted.of(classifier, x, y, 0).probabilities(x, 9)
    assert p.shape == (60, 9)
    np.testing.assert_array_equal(p.argmax(1), y)
    np.testing.assert_allclose(p.sum(1), 1)
    unseen = np.setdiff1d(np.arange(9), classes)
    assert (p[:, unseen] == 0).all()


def test_probabilities_are_those_of_the_classifier_and_columns_end_at_the_highest_class():
    y = np.array([0, 2, 5])[np.arange(60) % 3]
    p = Fitted.of(LogisticRegression(), X, y, 0).probabilities(X, None)
    expected = LogisticRegression().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(p[:, [0, 2, 5]], expected)
    assert p.shape == (60, 6)


def test_weights_by_class_number_keep_their_meaning():
    y = np.array([0, 3])[(X[:, 0] > 0).astype(int)]
    weighted = LogisticRegression(class_weight={0: 1, 3: 50})
    p = Fitted.of(weighted, X, y, 0).probabilities(X, 4)
    np.testing.assert_array_equal(p[:, 3], weighted.fit(X, y).predict_proba(X)[:, 1])


def test_the_classifier_itself_is_never_fitted():
    for classifier in (LogisticRegression(), Nearest()):
        before = vars(classifier).copy()
        Fitted.of(classifier, X, np.arange(60) % 3, 0)
        assert vars(classifier) == before


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(5),
        make_pipeline(StandardScaler(), RandomForestClassifier(5)),
        GridSearchCV(RandomForestClassifier(5), {"max_depth": [2, 3]}, cv=2),
    ],
    ids=lambda c: type(c).__name__,
)
def test_a_random_state_that_is_none_depends_on_the_seed_alone(classifier):
    y = np.arange(60) % 3
    a, b, c = (Fitted.of(classifier, X, y, seed).probabilities(X, 3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    with global_random_state_kept("Fitted", "a fit"):
        Fitted.of(classifier, X, y, 3)


def test_a_random_state_of_the_user_is_kept():
    assert fresh(RandomForestClassifier(random_state=7), 1).random_state == 7


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (LogisticRegression, r"got the class: did you mean LogisticRegression\(\)"),
        (LinearSVC(), "no predict_proba.*CalibratedClassifierCV"),
        (SVC(), "no predict_proba.*CalibratedClassifierCV"),
        (StandardScaler(), "StandardScaler has no predict_proba"),
        ("logistic", "str has no fit and no predict_proba"),
        (None, "NoneType has no fit"),
    ],
)
def test_what_is_no_classifier_is_refused(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        check_classifier(wrong)


def test_samples_that_cannot_be_fitted_are_described():
    with pytest.raises(ConfigurationError, match=r"60 samples of 4.*classes 3: .*other classes"):
        Fitted.of(LogisticRegression(), X, np.full(60, 3), 0)
    hole = np.where(X[0, 0] == X, np.nan, X)
    with pytest.raises(ConfigurationError, match=r"of the classes 0, 2: .*NaN"):
        Fitted.of(LogisticRegression(), hole, np.arange(60) % 2 * 2, 0)


def test_columns_that_belong_to_no_class_are_refused():
    class Odd(Nearest):
        def predict_proba(self, x):
            return np.full(self.shape, 0.5)

    odd = Fitted.of(Odd(), X, np.arange(60) % 3 + 1, 0)
    for shape, message in (((60, 2), "2 columns for the classes 1, 2, 3"), ((60,), r"\(60,\)")):
        odd.model.shape = shape
        with pytest.raises(ModelOutputError, match=message):
            odd.probabilities(X, 4)
    odd.model.shape = (60, 6)
    with pytest.raises(ModelOutputError, match="class 5, and num_classes is 4"):
        odd.probabilities(X, 4)


def test_a_regressor_is_refused_with_a_way_to_select_by_its_predictions():
    x = np.random.default_rng(0).normal(size=(60, 2))
    regressor = GaussianProcessRegressor(alpha=0.01).fit(x[:10], x[:10].sum(1))
    with pytest.raises(ConfigurationError, match=r"Prediction.regression\(mean, variance\)"):
        al.Estimator(regressor)
    mean, deviation = regressor.predict(x, return_std=True)
    prediction = al.Prediction.regression(mean, deviation**2)
    query = al.select(3, prediction=prediction, criterion=al.criteria.Variance(), seed=0)
    assert set(query.indices) == set(deviation.argsort()[-3:])
