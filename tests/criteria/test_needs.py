import pytest
import torch

import alkit as al
from alkit.criteria import Energy, ExpectedGradientLength, Rank, needs
from alkit.errors import PredictionError


def test_logits_of_one_column_are_those_of_two_classes():
    z = torch.tensor([[-3.0], [0], [2]])
    two = needs.logits("it", al.Prediction(z))
    assert two.tolist() == [[[0, -3]], [[0, 0]], [[0, 2]]]
    assert al.Prediction(two).probabilities.allclose(al.Prediction(z).probabilities)


@pytest.mark.parametrize("kind", ["probabilities", "log_probabilities", "values"])
def test_an_error_for_another_kind_names_the_criterion_and_both_kinds(kind):
    outputs = torch.full((3, 2), 0.5)
    outputs = outputs.log() if kind == "log_probabilities" else outputs
    with pytest.raises(PredictionError, match=rf'Energy\(\) needs .* "logits", got "{kind}"'):
        Rank(Energy())(al.Prediction(outputs, kind=kind))


def test_features_alone_are_not_outputs_and_outputs_alone_not_features():
    with pytest.raises(PredictionError, match="got features alone"):
        Energy()(al.Prediction(features=torch.ones(3, 2)))
    with pytest.raises(PredictionError, match="needs the features of the candidates"):
        ExpectedGradientLength()(al.Prediction(torch.ones(3, 2)))
