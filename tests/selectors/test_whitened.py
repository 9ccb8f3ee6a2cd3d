import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

import alkit as al
from alkit.errors import ConfigurationError, SelectionWarning
from alkit.selectors import Candidates, GradientEmbedding, GradientSketch, Probabilities, Whitened


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def candidates(features, known=None):
    annotated = None if known is None else al.Prediction(features=known)
    return Candidates(prediction=al.Prediction(features=features), annotated=annotated)


@pytest.mark.parametrize("unit", [False, True])
def test_it_is_whitening_of_candidates_and_annotated_samples(unit):
    mixing = gaussian(6, 6, seed=2) * torch.tensor([100, 10, 1, 1, 0.1, 0.01])
    a, b = gaussian(80, 6) @ mixing + 5, gaussian(30, 6, seed=1) @ mixing + 5
    whole = torch.cat([a, b]).double().numpy()
    white = PCA(6).fit_transform(whole)
    white /= white.std(0)
    white = normalize(white) if unit else white
    ours, theirs = Whitened(normalize=unit)(candidates(a, b))
    np.testing.assert_allclose(
        ours.distances(theirs), cdist(white[:80], white[80:]), rtol=1e-2, atol=1e-2
    )


def test_directions_that_do_not_vary_are_left_out():
    x = torch.cat([gaussian(40, 3), torch.ones(40, 2), torch.zeros(40, 1)], 1)
    points, known = Whitened(normalize=False)(candidates(x))
    assert known is None
    assert points.factors[0].shape == (40, 3)
    same, _ = Whitened()(candidates(torch.ones(5, 3)))
    assert (same.factors[0] == 0).all()


def test_as_many_directions_as_samples_allow_make_all_distances_equal_which_is_announced():
    few = gaussian(6, 9)
    with pytest.warns(SelectionWarning, match=r"5 directions for 6 samples.*Whitened\(Inputs"):
        points, _ = Whitened()(candidates(few))
    assert points.factors[0].shape == (6, 5)
    distances = torch.pdist(points.factors[0])
    torch.testing.assert_close(distances, distances[:1].expand(15))
    with pytest.warns(SelectionWarning, match="8 directions for 9 samples"):
        Whitened()(candidates(few, gaussian(3, 9, seed=1)))


@pytest.mark.filterwarnings("error")
def test_fewer_directions_than_samples_are_no_reason_to_warn():
    Whitened()(candidates(gaussian(11, 9)))
    Whitened(al.Features(pca=3))(candidates(gaussian(6, 9)))
    Whitened()(candidates(gaussian(2, 9)))


def test_any_space_of_one_matrix_may_be_whitened():
    assert repr(Whitened()) == "Whitened()"
    assert repr(Whitened(Probabilities(), normalize=False)) == (
        "Whitened(Probabilities(), normalize=False)"
    )
    assert Whitened(Probabilities()).needs == {"outputs"}
    head = torch.nn.Linear(3, 2)
    sketched = Candidates(prediction=al.Prediction(features=gaussian(20, 3)), head=head)
    rows = Whitened(GradientSketch(16))(sketched)[0].factors[0]
    assert rows.shape == (20, 3)  # a gradient is the input, and a constant
    for wrong in (GradientEmbedding(), al.Features("cosine")):
        with pytest.raises(ConfigurationError, match="euclidean space of rows"):
            Whitened(wrong)
