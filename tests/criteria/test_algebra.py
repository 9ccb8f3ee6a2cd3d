import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.criteria import Composite, Context, Maximum, Minimum, Schedule, as_criterion
from alkit.errors import ConfigurationError, NonFiniteError

A, B = al.Rank(al.Margin()), al.Rank(al.Entropy())
NUMBERS = st.sampled_from([2, 0.5, -3])
FORMULAS = st.recursive(
    st.sampled_from([al.Margin(), A, B, al.criteria.Constant(3)]),
    lambda inner: (
        st.tuples(inner, inner | NUMBERS).map(lambda ab: ab[0] + ab[1])
        | st.tuples(inner | NUMBERS, inner).map(lambda ab: ab[0] - ab[1])
        | st.tuples(NUMBERS, inner).map(lambda ab: ab[0] * ab[1])
        | st.tuples(inner, NUMBERS).map(lambda ab: ab[0] * ab[1])
        | st.tuples(inner, NUMBERS).map(lambda ab: ab[0] / ab[1])
        | st.tuples(inner, inner).map(lambda ab: ab[0] * ab[1])
        | st.tuples(inner, inner).map(lambda ab: Minimum(*ab))
        | inner.map(lambda a: -a)
    ),
    max_leaves=7,
)


@pytest.fixture
def prediction():
    return al.Prediction(torch.randn(20, 4, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize(("composite", "reference"), [(Minimum, np.minimum), (Maximum, np.maximum)])
def test_minimum_and_maximum_are_those_of_each_row(composite, reference, prediction):
    a, b = A(prediction).numpy(), B(prediction).numpy()
    both = composite(A, B)
    expected = {
        both: reference(a, b),
        composite(A, 0.4): reference(a, np.float32(0.4)),
        composite(0.5, A, B): reference(reference(a, b), np.float32(0.5)),
    }
    for criterion, scores in expected.items():
        np.testing.assert_array_equal(criterion(prediction).numpy(), scores)
    assert both(prediction).dtype == torch.float32
    assert both.terms == (*A.terms, *B.terms)
    assert not both.row_by_row
    assert composite(al.Margin(), al.Entropy()).row_by_row


def test_a_number_keeps_its_digits_and_takes_the_type_of_the_scores():
    z = torch.randn(20, 4, generator=torch.Generator().manual_seed(4))
    for outputs in (z, z.double()):
        prediction = al.Prediction(outputs)
        scores = (0.1 * al.Margin() + 0.7)(prediction)
        assert scores.equal(0.1 * al.Margin()(prediction) + 0.7)
        assert scores.dtype == outputs.dtype


def test_minimum_and_maximum_take_functions_and_print_as_they_are_written(prediction):
    def first(prediction):
        return prediction.mean_probabilities[:, 0]

    formula = 2 * Minimum(A, first, 1) - Maximum(al.Margin(), Schedule([1, 0.5]))
    text = "2 * Minimum(Rank(Margin()), first, 1) - Maximum(Margin(), Schedule([1, 0.5]))"
    assert repr(formula) == text
    torch.testing.assert_close(
        Minimum(A, first)(prediction), torch.minimum(A(prediction), first(prediction))
    )


@pytest.mark.parametrize("wrong", [(), (A,), (1,), (A, "b"), (A, None), (A, al.Margin)])
@pytest.mark.parametrize("composite", [Minimum, Maximum])
def test_minimum_and_maximum_of_anything_else_raise(composite, wrong):
    with pytest.raises(ConfigurationError):
        composite(*wrong)


@pytest.mark.parametrize("round", range(5))
def test_a_schedule_is_its_weight_of_the_round_and_the_last_one_stays(round, prediction):
    weight = [1, 0.5, 0.25][min(round, 2)]
    bound = (Schedule([1, 0.5, 0.25]) * A + B).at(Context(round))
    assert bound(prediction).equal((weight * A + B)(prediction))
    assert repr(bound) == f"{weight} * Rank(Margin()) + Rank(Entropy())"


def test_a_schedule_may_be_a_function_of_the_round(prediction):
    formula = A / Schedule(lambda round: 2**round) - Schedule(lambda round: round)
    for round in (0, 1, 6):
        expected = (A / 2**round - round)(prediction)
        assert formula.at(Context(round))(prediction).equal(expected)


def test_schedules_combine_with_numbers_and_with_each_other(prediction):
    down, up = Schedule([1, 0.5]), Schedule(np.array([2.0, 4]))
    formula = (down * 2 + up) * A + Minimum(down, up) - -down
    assert formula.at(Context(1))(prediction).equal((5 * A + 0.5 + 0.5)(prediction))
    assert formula.at(Context(0))(prediction).equal((4 * A + 1 + 1)(prediction))


def test_a_schedule_prints_as_it_is_written():
    def decay(round):
        return 0.9**round

    assert repr(Schedule([1, 0.5]) * A) == "Schedule([1, 0.5]) * Rank(Margin())"
    assert repr(0.5 * (Schedule(decay) + B)) == "0.5 * (Schedule(decay) + Rank(Entropy()))"


def test_a_schedule_outside_a_round_says_what_to_do(prediction):
    for formula in (Schedule([1]) * A, Minimum(A, Schedule([1])), -Schedule([1]) + A):
        with pytest.raises(
            ConfigurationError, match=r"Schedule\(\[1\]\).*\.at\(Context\(round\)\)"
        ):
            formula(prediction)
    with pytest.raises(ConfigurationError, match=r"\.at\(Context\(round\)\)"):
        Schedule([1])(prediction)


def test_a_number_alone_scores_no_candidate():
    for number in (Schedule([1]), Schedule([1]).at(Context(0)), 2 * Schedule([1])):
        with pytest.raises(ConfigurationError, match="scores no candidate"):
            al.Rank(number)
        with pytest.raises(ConfigurationError, match=r"Constant\(\)"):
            as_criterion(number)


@pytest.mark.parametrize("wrong", [[], 0.5, None, "ab", [1, None], [math.nan], [True], [[1]]])
def test_weights_that_are_no_finite_numbers_raise(wrong):
    with pytest.raises(ConfigurationError):
        Schedule(wrong)


@pytest.mark.parametrize("weight", [math.inf, None, "1"])
def test_a_function_that_gives_no_finite_number_raises_in_that_round(weight):
    schedule = Schedule(lambda round: weight if round == 2 else 1)
    schedule.at(Context(1))
    with pytest.raises(ConfigurationError, match="number"):
        (schedule * A).at(Context(2))


def test_a_round_before_the_first_raises():
    with pytest.raises(ConfigurationError, match="at least 0, got -1"):
        Schedule([1, 2]).at(Context(-1))


def test_a_division_by_a_weight_of_zero_raises(prediction):
    with pytest.raises(NonFiniteError, match=r"Rank\(Margin\(\)\) / 0 is NaN"):
        (A / Schedule([0])).at(Context(0))(prediction)
    with pytest.raises(NonFiniteError, match="1 / 0 is NaN"):
        (1 / Schedule([0]) * A).at(Context(0))(prediction)


def test_what_has_no_schedule_is_the_same_in_every_round():
    for criterion in (al.Margin(), A + 2 * B, Minimum(A, 1), as_criterion(len)):
        assert criterion.at(Context(7)) is criterion


def test_a_criterion_of_ones_own_keeps_its_attributes_in_a_round(prediction):
    class Blend(Composite):
        def __init__(self, a, b, share):
            super().__init__(a, b)
            self.share = share

        def apply(self, *scores):
            return self.share * scores[0] + (1 - self.share) * scores[1]

    blend = Blend(Schedule([3, 1]) * A, B, share=0.25)
    bound, parts = blend.at(Context(1)), blend.parts
    assert (bound.share, type(bound), bound.row_by_row) == (0.25, Blend, False)
    torch.testing.assert_close(bound(prediction), (0.25 * A + 0.75 * B)(prediction))
    assert blend.parts is parts
    assert "Schedule([3, 1])" in repr(blend)


@pytest.mark.parametrize(
    ("formula", "labels"),
    [
        (al.Margin(), ["Margin()"]),
        (A + 0.5 * B, ["Rank(Margin())", "0.5 * Rank(Entropy())"]),
        (A - 0.5 * B, ["Rank(Margin())", "-0.5 * Rank(Entropy())"]),
        (A - (B - 1), ["Rank(Margin())", "-Rank(Entropy())", "1"]),
        (-(A - B), ["-Rank(Margin())", "Rank(Entropy())"]),
        (0.5 * (A + 2 * B), ["0.5 * Rank(Margin())", "0.5 * (2 * Rank(Entropy()))"]),
        ((A + B) / 2, ["Rank(Margin()) / 2", "Rank(Entropy()) / 2"]),
        ((A + B) * 2, ["Rank(Margin()) * 2", "Rank(Entropy()) * 2"]),
        (1 / (A + B + 1), ["1 / (Rank(Margin()) + Rank(Entropy()) + 1)"]),
        (A * B + 1, ["Rank(Margin()) * Rank(Entropy())", "1"]),
        (al.Rank(A + B), ["Rank(Rank(Margin()) + Rank(Entropy()))"]),
        (Minimum(A, B) + A, ["Minimum(Rank(Margin()), Rank(Entropy()))", "Rank(Margin())"]),
        ((Schedule([0.25]) * A + B).at(Context(0)), ["0.25 * Rank(Margin())", "Rank(Entropy())"]),
        ((Schedule([2]) * (A - B)).at(Context(0)), ["2 * Rank(Margin())", "2 * -Rank(Entropy())"]),
    ],
    ids=repr,
)
def test_shares_are_those_of_the_summands_under_their_formulas(formula, labels, prediction):
    shares = formula.shares(*formula.term_scores(prediction))
    assert list(shares) == labels
    for label, share in shares.items():
        named = eval(label, vars(al.criteria))
        assert share.shape == (20,)
        if isinstance(named, al.Criterion):
            torch.testing.assert_close(share, named(prediction))
        else:
            assert (share == named).all()


@given(FORMULAS)
def test_shares_sum_to_the_score(formula):
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    prediction = al.Prediction(z)
    scores = formula.term_scores(prediction)
    shares = formula.shares(*scores)
    torch.testing.assert_close(sum(shares.values()), formula.combine(*scores))
    assert all(share.shape == (6,) and share.dtype == torch.float64 for share in shares.values())


def test_shares_of_equal_formulas_are_one(prediction):
    formula = al.Margin() + al.Entropy() + al.Margin()
    shares = formula.shares(*formula.term_scores(prediction))
    assert list(shares) == ["Margin()", "Entropy()"]
    assert shares["Margin()"].equal(2 * al.Margin()(prediction))
