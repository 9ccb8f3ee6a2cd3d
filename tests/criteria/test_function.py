import pytest
import torch

import alkit as al
from alkit.criteria import as_criterion
from alkit.errors import ConfigurationError


def largest(prediction):
    return prediction.mean_probabilities.amax(-1)


def test_a_criterion_stays_itself():
    margin = al.Margin()
    assert as_criterion(margin) is margin


def test_a_function_becomes_a_criterion_that_prints_as_its_name():
    criterion = 1 - as_criterion(largest)
    prediction = al.Prediction(torch.randn(5, 3))
    assert repr(criterion) == "1 - largest"
    assert criterion(prediction).equal(al.LeastConfidence()(prediction))


def test_a_callable_without_a_name_becomes_a_criterion():
    class Scorer:
        def __call__(self, prediction):
            return largest(prediction)

        def __repr__(self):
            return "Scorer(7)"

    assert repr(as_criterion(Scorer())) == "Scorer(7)"


def test_a_class_in_place_of_its_instance_raises_and_says_what_was_meant():
    with pytest.raises(ConfigurationError, match=r"Did you mean Margin\(\)\?"):
        as_criterion(al.Margin)


@pytest.mark.parametrize("wrong", ["margin", 1.0, None, torch.ones(3)])
def test_anything_else_raises(wrong):
    with pytest.raises(ConfigurationError, match="expected a Criterion"):
        as_criterion(wrong)
