import math
import operator
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit import criteria
from alkit.errors import AlkitError, ConfigurationError, NonFiniteError
from alkit.prediction import chunks as module

NAMES = vars(al.criteria)
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]

leaves = st.sampled_from([al.Margin(), al.Entropy(), al.Rank(al.Ratio()), al.criteria.Constant(3)])
numbers = st.sampled_from([1, 2.5, -0.5, -3, 1e-3])
formulas = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda op, a, b: op(a, b), st.sampled_from(OPERATORS), inner, inner | numbers)
        | st.builds(lambda op, a, b: op(a, b), st.sampled_from(OPERATORS), numbers, inner)
        | inner.map(operator.neg)
        | inner.map(al.criteria.ZScore)
        | st.builds(al.criteria.Minimum, inner, inner | numbers)
        | st.builds(al.criteria.Maximum, numbers, inner, inner)
    ),
    max_leaves=8,
)


@pytest.fixture
def prediction():
    return al.Prediction(torch.randn(20, 4, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("operation", OPERATORS)
@pytest.mark.parametrize(
    "number",
    [2, 0.5, np.float32(2), np.float64(2), np.int64(2), np.array(2.0), torch.tensor(2.0)],
    ids=lambda number: type(number).__name__,
)
def test_arithmetic_with_a_number_on_either_side_is_that_of_the_scores(
    operation, number, prediction
):
    scores, value = al.Margin()(prediction), float(number)
    right, left = operation(al.Margin(), number), operation(number, al.Margin())
    assert isinstance(right, al.Criterion)
    assert isinstance(left, al.Criterion)
    torch.testing.assert_close(right(prediction), operation(scores, value))
    torch.testing.assert_close(left(prediction), operation(value, scores))


@pytest.mark.parametrize("operation", OPERATORS)
def test_arithmetic_of_criteria_is_that_of_their_scores(operation, prediction):
    formula = operation(al.Margin(), al.Entropy())
    expected = operation(al.Margin()(prediction), al.Entropy()(prediction))
    assert formula(prediction).equal(expected)
    assert formula.score(prediction).equal(expected)


def test_unary_minus_turns_the_order(prediction):
    assert (-al.Margin())(prediction).equal(-al.Margin()(prediction))


def test_criteria_can_be_summed_by_the_built_in(prediction):
    total = sum([al.Margin(), al.Entropy()])
    assert total(prediction).equal(al.Margin()(prediction) + al.Entropy()(prediction))


def test_float64_scores_stay_float64():
    outputs = torch.randn(5, 3).double()
    assert (2 * al.Rank(al.Margin()) + 1)(al.Prediction(outputs)).dtype == torch.float64


@pytest.mark.parametrize("other", ["a", None, True, [1.0], np.ones(3), torch.ones(3), 1j])
@pytest.mark.parametrize("operation", OPERATORS)
def test_arithmetic_with_anything_else_is_a_type_error(operation, other):
    with pytest.raises(TypeError):
        operation(al.Margin(), other)
    with pytest.raises(TypeError):
        operation(other, al.Margin())


@pytest.mark.parametrize("number", [math.nan, math.inf, np.float32("-inf"), torch.tensor(math.nan)])
def test_a_number_that_is_not_finite_raises_at_once(number):
    with pytest.raises(ConfigurationError, match="finite"):
        al.Margin() * number


def test_a_part_that_returns_a_view_is_not_changed_by_the_formula(prediction):
    def first(prediction):
        return prediction.mean_probabilities[:, 0]

    p = prediction.mean_probabilities.clone()
    formula = al.criteria.as_criterion(first) + al.Margin() + al.LeastConfidence()
    expected = p[:, 0] + al.Margin()(prediction) + al.LeastConfidence()(prediction)
    torch.testing.assert_close(formula(prediction), expected)
    assert prediction.mean_probabilities.equal(p)


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (al.Margin(), "Margin()"),
        (al.criteria.Constant(2), "Constant(2)"),
        (
            al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy()),
            "Rank(Margin()) + 0.5 * Rank(Entropy())",
        ),
        ((al.Margin() + 1) * 2, "(Margin() + 1) * 2"),
        (al.Margin() - (al.Ratio() - 1), "Margin() - (Ratio() - 1)"),
        (al.Margin() - al.Ratio() - 1, "Margin() - Ratio() - 1"),
        (al.Margin() / (al.Ratio() * 2), "Margin() / (Ratio() * 2)"),
        (-(al.Margin() * 2), "-(Margin() * 2)"),
        (-al.Margin() * 2, "-Margin() * 2"),
        (1 - -al.Margin(), "1 - -Margin()"),
        (np.float64(0.5) * al.Margin(), "0.5 * Margin()"),
    ],
)
def test_a_formula_prints_as_it_is_written(formula, text):
    assert repr(formula) == text


@given(formulas)
def test_what_a_formula_prints_is_that_formula(formula):
    again = eval(repr(formula), NAMES)
    prediction = al.Prediction(torch.randn(6, 3, generator=torch.Generator().manual_seed(8)))
    assert repr(again) == repr(formula)
    assert [type(term) for term in again.terms] == [type(term) for term in formula.terms]
    try:
        expected = formula(prediction)
    except NonFiniteError:  # a formula such as Margin() / (Margin() - Margin())
        with pytest.raises(NonFiniteError):
            again(prediction)
    else:
        assert again(prediction).equal(expected)


@given(formulas, st.integers(1, 9))
def test_terms_in_chunks_combined_once_give_the_whole(formula, size):
    whole = al.Prediction(torch.randn(9, 3, generator=torch.Generator().manual_seed(8)))
    chunks = [whole[start : start + size] for start in range(0, 9, size)]
    terms = [torch.cat([term(chunk) for chunk in chunks]) for term in formula.terms]
    try:
        expected = formula(whole)
    except NonFiniteError:
        return
    torch.testing.assert_close(formula.combine(*terms), expected, rtol=1e-3, atol=1e-4)


def test_numbers_are_no_terms():
    margin = al.Margin()
    assert (2 * margin + 1).terms == (margin,)
    assert margin.terms == (margin,)


def test_a_division_by_zero_names_the_part_of_the_formula():
    certain = al.Prediction(torch.eye(3), kind="probabilities")
    with pytest.raises(NonFiniteError, match=r"Margin\(\) / Entropy\(\) is NaN .* 3 of 3"):
        (1 + al.Margin() / al.Entropy())(certain)
    with pytest.raises(NonFiniteError, match=r"Margin\(\) / 0 "):
        (al.Margin() / 0)(certain)


def test_the_scores_carry_no_gradient_and_the_outputs_no_change():
    outputs = torch.randn(5, 3, requires_grad=True)
    before = outputs.detach().clone()
    assert not (al.Margin() + al.Entropy())(al.Prediction(outputs)).requires_grad
    assert outputs.detach().equal(before)


def test_a_criterion_without_a_formula_says_what_is_missing(prediction):
    with pytest.raises(NotImplementedError, match="must define score"):
        al.Criterion()(prediction)


def test_a_criterion_of_ones_own_needs_a_formula_alone(prediction):
    class Second(al.Criterion):
        def score(self, prediction):
            return prediction.mean_probabilities[:, 1]

    assert repr(2 * Second()) == "2 * Second()"
    assert Second()(prediction).equal(prediction.mean_probabilities[:, 1])


def test_probabilities_of_a_regression_raise(prediction):
    with pytest.raises(AlkitError, match="values"):
        al.Margin()(al.Prediction(torch.randn(3, 1), kind="values"))


def test_a_formula_goes_through_pickle(prediction):
    formula = al.Rank(al.Margin()) - 0.5 * al.Entropy()
    assert pickle.loads(pickle.dumps(formula))(prediction).equal(formula(prediction))


ROW_BY_ROW = [
    criteria.Margin(),
    criteria.Ratio(),
    criteria.Entropy(),
    criteria.LeastConfidence(),
    criteria.Energy(),
    criteria.BALD(),
    criteria.MeanStd(),
    criteria.VariationRatio(),
    criteria.ExpectedGradientLength(),
]


@pytest.mark.parametrize("outputs", [(101, 3, 10), (101, 2, 2), (101, 2, 50)])
@pytest.mark.parametrize("criterion", ROW_BY_ROW, ids=repr)
def test_scores_are_the_same_to_the_bit_whatever_the_size_of_a_chunk(
    criterion, outputs, monkeypatch
):
    z = 3 * torch.randn(outputs, generator=torch.Generator().manual_seed(5))
    features = torch.randn(101, 6, generator=torch.Generator().manual_seed(6))
    prediction = al.Prediction(z, features=features)
    whole = criterion(prediction)
    for rows in (1, 3, 17, 100):
        monkeypatch.setattr(module, "CACHE", rows * z[0].numel())
        assert criterion(prediction[:]).equal(whole)


def test_what_looks_at_other_rows_is_computed_once_over_all_chunks(monkeypatch):
    prediction = al.Prediction(torch.randn(50, 4, generator=torch.Generator().manual_seed(2)))
    formula = criteria.Rank(criteria.Margin()) + criteria.ZScore(criteria.Entropy())
    whole = formula(prediction)
    monkeypatch.setattr(module, "CACHE", 12)
    assert formula(prediction[:]).equal(whole)
    margin, entropy = formula.term_scores(prediction)
    assert margin.equal(criteria.Margin()(prediction))
    assert entropy.equal(criteria.Entropy()(prediction))


def test_a_plain_function_is_given_all_rows_at_once(monkeypatch):
    monkeypatch.setattr(module, "CACHE", 12)
    scores, asked = torch.arange(50.0), []

    def mine(prediction):
        asked.append(len(prediction))
        return scores

    prediction = al.Prediction(torch.randn(50, 4))
    both = criteria.Margin() + criteria.as_criterion(mine)
    assert both(prediction).equal(criteria.Margin()(prediction) + scores)
    assert asked == [50]


def test_the_former_name_of_scores_rows_is_refused_where_it_is_written():
    with pytest.raises(ConfigurationError, match=r"Mine.scores_classes is now scores_rows"):

        class Mine(al.Criterion):
            scores_classes = False
