"""Principal components of a part of the samples, and columns in different units."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from alkit.features.components import FITTED, fitted_to, principal_components, units_of

RNG = np.random.default_rng(0)


def test_all_samples_are_fitted_to_or_ten_thousand_in_their_order():
    assert fitted_to(FITTED).tolist() == list(range(FITTED))
    drawn = fitted_to(FITTED + 500)
    assert len(drawn) == FITTED
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn, fitted_to(FITTED + 500))
    assert not np.array_equal(drawn, fitted_to(FITTED + 500, seed=1))


@pytest.mark.parametrize(
    ("n", "width", "most", "count"), [(40, 8, 3, 3), (40, 8, 50, 8), (5, 8, 50, 4)]
)
def test_components_are_those_of_scikit_learn_and_at_most_as_many_as_there_are(
    n, width, most, count
):
    rows = (RNG.normal(size=(n, width)) * np.arange(1, width + 1)).astype(np.float32)
    found = principal_components(rows, most).transform(rows)
    expected = PCA(count, svd_solver="full").fit_transform(rows)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-3)


def test_units_differ_where_few_columns_have_most_of_the_variance():
    rows = RNG.normal(size=(600, 6)).astype(np.float32)
    assert units_of(rows) is None
    rows[:, 2] *= 1e6
    rows[:, 4] = 7
    mean, deviation = units_of(rows)
    scaler = StandardScaler().fit(rows.astype(np.float64))
    np.testing.assert_allclose(mean, scaler.mean_, rtol=1e-6)
    np.testing.assert_allclose(np.delete(deviation, 4), np.delete(scaler.scale_, 4), rtol=1e-6)
    assert np.isinf(deviation[4])  # a constant column becomes zero
