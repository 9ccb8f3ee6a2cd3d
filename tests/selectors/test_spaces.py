import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

import alkit as al
from alkit.errors import ConfigurationError, NonFiniteError, PredictionError
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.points import Points
from alkit.selectors.spaces import (
    Features,
    GradientEmbedding,
    Probabilities,
    Space,
    as_space,
    shown,
    unit_rows,
)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def candidates(features=None, known=None, logits=None):
    annotated = None if known is None else al.Prediction(features=known)
    return Candidates(prediction=al.Prediction(logits, features=features), annotated=annotated)


def distances(space, features, known):
    ours, theirs = space(candidates(features, known))
    return ours.distances(theirs).numpy()


def test_features_are_compared_with_those_of_the_annotated_samples():
    a, b = gaussian(9, 4), gaussian(5, 4, seed=1)
    np.testing.assert_allclose(distances(Features(), a, b), cdist(a, b), rtol=1e-4)
    np.testing.assert_allclose(distances(Features("cosine"), a, b), cdist(a, b, "cosine"), 1e-4)
    manhattan = distances(Features("manhattan"), a, b)
    np.testing.assert_allclose(manhattan, cdist(a, b, "cityblock"), rtol=1e-5)
    unit = distances(Features(normalize=True), a, b)
    np.testing.assert_allclose(unit, cdist(normalize(a), normalize(b)), rtol=1e-4)


def test_with_nothing_annotated_there_are_no_other_points():
    for known in (None, gaussian(0, 4)):
        ours, theirs = Features()(candidates(gaussian(9, 4), known))
        assert len(ours) == 9
        assert theirs is None


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("offset", [0, 1000])
def test_principal_components_are_those_of_candidates_and_annotated_samples(metric, offset):
    scales = torch.tensor([5.0, 3, 2, 0.1, 0.1])
    a, b = gaussian(40, 5) * scales + offset, gaussian(20, 5, seed=1) * scales + offset
    pca = PCA(3).fit(torch.cat([a, b]).double().numpy())
    ours, theirs = pca.transform(a.double().numpy()), pca.transform(b.double().numpy())
    expected = cdist(ours, theirs, "cityblock" if metric == "manhattan" else metric)
    got = distances(Features(metric, pca=3), a, b)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_as_many_components_as_features_change_nothing():
    a, b = gaussian(9, 4), gaussian(5, 4, seed=1)
    assert np.array_equal(distances(Features(pca=4), a, b), distances(Features(), a, b))


def test_more_components_than_rows_keep_the_distances():
    a, b = gaussian(4, 9), gaussian(2, 9, seed=1)
    np.testing.assert_allclose(distances(Features(pca=7), a, b), cdist(a, b), rtol=1e-4)


def test_probabilities_are_averaged_over_posterior_samples():
    logits = gaussian(8, 3, 4)
    ours, _ = Probabilities()(candidates(logits=logits))
    mean = logits.softmax(-1).mean(1)
    np.testing.assert_allclose(ours.distances(ours), cdist(mean, mean), rtol=1e-4, atol=1e-6)


def test_the_gradient_embedding_is_the_gradient_of_the_loss_at_the_guessed_label():
    features, weight = gaussian(6, 3), gaussian(4, 3, seed=1)
    ours, _ = GradientEmbedding()(candidates(features, logits=features @ weight.T))
    gradients = []
    for row in features:
        free = weight.clone().requires_grad_()
        logits = free @ row
        loss = torch.nn.functional.cross_entropy(logits[None], logits.argmax()[None])
        gradients.append(torch.autograd.grad(loss, free)[0].flatten())
    gradients = torch.stack(gradients)
    expected = cdist(gradients, gradients)
    np.testing.assert_allclose(ours.distances(ours), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.squared_norms, gradients.square().sum(1), rtol=1e-5)
    assert GradientEmbedding().origin_is_known


def test_the_gradient_embedding_of_independent_labels_is_that_of_their_cross_entropies():
    features, weight = gaussian(6, 3), gaussian(4, 3, seed=1)
    known = al.Prediction(features @ weight.T, features=features, task="multilabel")
    ours, _ = GradientEmbedding()(Candidates(prediction=known))
    gradients = []
    for row in features:
        free = weight.clone().requires_grad_()
        logits = free @ row
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, (logits > 0).float(), reduction="sum"
        )
        gradients.append(torch.autograd.grad(loss, free)[0].flatten())
    gradients = torch.stack(gradients)
    expected = cdist(gradients, gradients)
    np.testing.assert_allclose(ours.distances(ours), expected, rtol=1e-4, atol=1e-6)
    p = gaussian(5, 3, 4).sigmoid()
    ours, _ = Probabilities()(
        Candidates(prediction=al.Prediction(p, kind="probabilities", task="multilabel"))
    )
    np.testing.assert_allclose(ours.factors[0], p.mean(1), rtol=1e-6)


def test_half_precision_and_rows_with_gaps_in_memory_are_compared_in_float32():
    rows = gaussian(12, 6).half()
    ours, _ = Features()(candidates(rows[::2, :3]))
    assert ours.dtype == torch.float32
    assert ours.factors[0].is_contiguous()
    expected = cdist(rows[::2, :3].double(), rows[::2, :3].double())
    np.testing.assert_allclose(ours.distances(ours), expected, rtol=1e-3)
    assert Features()(candidates(rows.double()))[0].dtype == torch.float64


def test_rows_of_norm_one_are_not_copied():
    rows = torch.nn.functional.normalize(gaussian(40, 300), dim=1)
    assert unit_rows(rows) is rows
    rows[7] *= 1 + 1e-4
    assert torch.linalg.vector_norm(unit_rows(rows)[7]).item() == pytest.approx(1, abs=1e-6)


def test_unit_rows_are_so_at_any_scale_and_a_row_of_zeros_stays():
    rows = torch.tensor([[3e-20, 4e-20], [3e15, 4e15], [0, 0]])
    ours, _ = Features(normalize=True)(candidates(rows))
    np.testing.assert_allclose(ours.factors[0], [[0.6, 0.8], [0.6, 0.8], [0, 0]], rtol=1e-6)
    with pytest.raises(NonFiniteError, match="overflow"):
        Features("cosine")(candidates(torch.full((2, 2), 1e30)))
    with pytest.raises(NonFiniteError, match="covariance of the features overflows"):
        Features(pca=1)(candidates(torch.tensor([[1e30, 0], [-1e30, 0]])))


def test_a_custom_space_lists_what_it_needs_and_returns_matrices():
    class Ids(Space):
        def factors(self, prediction):
            return (prediction.ids[:, None].float(),)

    ours, _ = Ids()(candidates(logits=gaussian(3, 2)))
    assert ours.distances(ours)[0].tolist() == [0, 1, 2]
    assert isinstance(ours, Points)
    with pytest.raises(NotImplementedError, match="Space must define factors"):
        Space()(candidates(logits=gaussian(3, 2)))


def test_a_missing_input_of_a_space_is_an_error_that_explains_how_to_get_it():
    with pytest.raises(PredictionError, match="the layer that computes them"):
        Features()(candidates(logits=gaussian(3, 2)))
    with pytest.raises(PredictionError, match="the layer that computes them"):
        GradientEmbedding()(candidates(logits=gaussian(3, 2)))
    with pytest.raises(PredictionError, match="Pass probabilities"):
        Probabilities()(candidates(gaussian(3, 2)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "mahalanobis"}, "one of euclidean, cosine, manhattan, got 'mahalanobis'"),
        ({"pca": 0}, "at least 1, got 0"),
        ({"pca": True}, "at least 1, got True"),
        ({"pca": 2.5}, r"at least 1, got 2\.5"),
    ],
)
def test_wrong_arguments_are_an_error_at_once(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        Features(**arguments)


def test_spaces_read_as_they_are_made():
    assert repr(Features("cosine", normalize=True, pca=5)) == (
        "Features('cosine', normalize=True, pca=5)"
    )
    assert repr(GradientEmbedding()) == "GradientEmbedding()"
    assert shown(Features()) == ""
    assert shown(Probabilities()) == "space=Probabilities()"


def test_the_argument_of_a_selector_is_a_space_or_left_out():
    space = Probabilities()
    assert as_space(space) is space
    assert isinstance(as_space(None), Features)
    with pytest.raises(ConfigurationError, match=r"Did you mean Features\(\)\?"):
        as_space(Features)
    with pytest.raises(ConfigurationError, match=r"must be a Space, such as Features\(\)"):
        as_space("cosine")
