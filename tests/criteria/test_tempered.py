import pytest
import torch

import alkit as al
from alkit.criteria import Context, Tempered
from alkit.errors import ConfigurationError
from alkit.testing import check_criterion

FORMULAS = [
    al.Margin(),
    al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy()),
    al.BALD() - 0.1 * al.Entropy(),
    al.Minimum(al.Margin(), al.Ratio()),
]


def prediction(N=20, K=3, C=4):
    return al.Prediction(3 * torch.randn(N, K, C, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("formula", FORMULAS, ids=repr)
def test_it_is_the_formula_of_the_divided_logits(formula):
    z = prediction()
    divided = al.Prediction(z.outputs / 2.5)
    torch.testing.assert_close(Tempered(formula, 2.5)(z), formula(divided))
    assert Tempered(formula, 1)(z).equal(formula(z))


@pytest.mark.parametrize("formula", FORMULAS, ids=repr)
def test_it_keeps_the_laws(formula):
    check_criterion(
        Tempered(formula, 0.7), uncertainty=formula.row_by_row and "BALD" not in repr(formula)
    )


def test_energy_still_sees_logits():
    z = prediction()
    expected = al.criteria.Energy()(al.Prediction(z.outputs / 3))
    torch.testing.assert_close(Tempered(al.criteria.Energy(), 3)(z), expected)


def test_a_plain_function_is_given_the_whole_tempered_prediction():
    seen = []

    def score(given):
        seen.append(given)
        return given.mean_probabilities.amax(-1)

    Tempered(score, 2.0)(prediction(300_000, 1, 4))
    assert [len(given) for given in seen] == [300_000]


def test_weights_by_round_are_those_of_the_round():
    formula = Tempered(al.Schedule([1, 5]) * al.Margin(), 2)
    z = prediction()
    torch.testing.assert_close(formula.at(Context(1))(z), 5 * formula.at(Context(0))(z))


def test_a_query_shows_the_temperature_and_the_share_of_each_term():
    z, formula = prediction(), al.Margin() + al.Entropy()
    query = al.select(3, prediction=z, criterion=Tempered(formula, 1.234), seed=0)
    assert query.why == "TopK() of Tempered(Margin() + Entropy(), 1.23)"
    assert set(query.shares) == {"Tempered(Margin(), 1.23)", "Tempered(Entropy(), 1.23)"}
    assert sum(query.shares.values()) == pytest.approx(query.scores)


def test_what_is_no_temperature_or_no_criterion_raises():
    with pytest.raises(ConfigurationError, match="above 0"):
        Tempered(al.Margin(), 0)
    with pytest.raises(ConfigurationError, match="Criterion"):
        Tempered(3, 1.0)
