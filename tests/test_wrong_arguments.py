"""Bad calls of blocks, criteria and selectors: an error that names argument and remedy."""

import pytest
import torch
from torch import nn

import alkit as al
from alkit import criteria, initializers, selectors
from alkit.blocks import Conv2dBlock, LinearBlock
from alkit.errors import AlkitError, ArgumentError, ConfigurationError

G = torch.Generator().manual_seed(0)
P = torch.rand(20, 3, generator=G).softmax(-1)
PREDICTION = al.Prediction(P, kind="probabilities", features=torch.randn(20, 5, generator=G))
CANDIDATES = al.Candidates(torch.rand(20, generator=G), PREDICTION)


def mlp(*args, **options):
    return al.MultiLayerPerceptron(*(args or (4, [8], 3)), **options)


# name -> (call, what its message says)
BAD = {
    "a width below 1": (lambda: mlp(-1, [8], 3), "in_features must be an integer .* got -1"),
    "a width as text": (lambda: mlp("4", [8], 3), "in_features must be an integer .* got '4'"),
    "a width of True": (lambda: mlp(4, [8], True), "out_features must be an integer"),
    "one hidden width": (
        lambda: mlp(4, 8, 3),
        r"hidden_features .*\[64, 32\].* Did you mean \[8\]",
    ),
    "no hidden widths": (lambda: mlp(4, None, 3), "hidden_features must be a list"),
    "hidden widths as text": (lambda: mlp(4, "88", 3), "hidden_features must be a list"),
    "a hidden width below 1": (lambda: mlp(4, [8, 0], 3), r"hidden_features .* got \[8, 0\]"),
    "a hidden width of 1.5": (lambda: mlp(4, [1.5], 3), r"hidden_features .* got \[1.5\]"),
    "an unknown keyword": (
        lambda: mlp(4, [8], 3, out_activations=1),
        "no argument 'out_activations'. Did you mean",
    ),
    "configured wrongly": (lambda: mlp().configure(hidden_features=8), "hidden_features must be"),
    "an activation as text": (lambda: mlp(4, [8], 3, "sigmoid"), "Did you mean nn.Sigmoid"),
    "channels of None": (
        lambda: al.ConvolutionalNeuralNetwork(1, [], None),
        "out_channels must be an integer",
    ),
    "one hidden channel": (
        lambda: al.ConvolutionalNeuralNetwork(1, 8, 3),
        "hidden_channels .* Did you mean",
    ),
    "a pool as text": (
        lambda: al.ConvolutionalNeuralNetwork(1, [8], 3, pool="maxpool2"),
        "Did you mean nn.MaxPool2d",
    ),
    "no channels": (lambda: Conv2dBlock(1, 0), "out_channels must be an integer of at least 1"),
    "a negative size": (lambda: LinearBlock(1, -2), "out_features must be an integer"),
    "a critic of one width": (lambda: al.Discriminator(5, 64), "hidden_features must be a list"),
    "prob of Dropout": (
        lambda: al.Layer(nn.Dropout, prob=0.9),
        "Dropout has no argument 'prob'. Did you mean 'p'",
    ),
    "rate of Dropout": (lambda: al.Layer(nn.Dropout, rate=0.9), "available: p, inplace"),
    "slope of LeakyReLU": (lambda: al.Layer(nn.LeakyReLU, slope=1), "available: negative_slope"),
    "an unknown argument of Linear": (
        lambda: al.Layer(nn.Linear, 3, 4, foo=1),
        "no argument 'foo'",
    ),
    "an unknown argument with a class": (
        lambda: al.Layer(nn.ReLU).configure(nn.Dropout, prob=0.9),
        "no argument 'prob'",
    ),
    "a rate above 1": (
        lambda: al.Sequential(al.Layer(nn.Dropout, p=2)).build(),
        r"^0: Layer\(Dropout, p=2\) cannot be built: ValueError: .* arguments \(p, inplace\)",
    ),
    "no kernel size": (lambda: al.Layer(nn.Conv2d, 1, 3).build(), "missing .* 'kernel_size'"),
    "no groups": (lambda: al.Layer(nn.GroupNorm, 0, 4).build(), "ZeroDivisionError"),
    "a layer that makes no module": (lambda: al.Layer(int).build(), "must make an nn.Module"),
    "a name that is no text": (lambda: al.Sequential().append(nn.ReLU(), name=3), "cannot name"),
    "a position of None": (lambda: al.Sequential(nn.ReLU()).remove(None), "position or name"),
    "an initializer as text": (lambda: mlp().initialize("kaiming"), r"Did you mean Kaiming\(\)"),
    "an initializer of parts": (
        lambda: mlp()[..., "layer"].initialize(None),
        "function of one module",
    ),
    "an initializer's class": (
        lambda: mlp().initialize(initializers.Xavier),
        r"Did you mean Xavier\(\)",
    ),
    "a mode of Kaiming": (lambda: initializers.Kaiming("fanin"), 'mode must be "fan_in"'),
    "a nonlinearity": (lambda: initializers.Kaiming(nonlinearity="foo"), "nonlinearity must be"),
    "a negative std": (lambda: initializers.Normal(std=-1), "std must be a number of at least 0"),
    "a gain as text": (lambda: initializers.Xavier("a"), "gain must be a number above 0"),
    "a weight as text": (lambda: initializers.Constant("a"), "weight must be a number"),
    "targets as text": (lambda: initializers.Kaiming(targets="Linear"), "targets must be a class"),
    "a batch size as text": (
        lambda: mlp().build().predict(P, batch_size="8"),
        "batch_size must be",
    ),
    "an unknown device": (lambda: mlp().build().predict(P, device="xpu9"), "device must be one"),
    "a sum of nothing": (lambda: al.blocks.Add().build()(), "Add joins one or more tensors"),
    "an axis as text": (lambda: al.blocks.Cat("x"), "dim must be the number of an axis"),
    "an ensemble of None": (lambda: al.Ensemble(None), "Ensemble takes a network.*got None"),
    "an ensemble of a class": (lambda: al.Ensemble(nn.Linear), r"Did you mean Linear\(\.\.\.\)"),
    "an ensemble with a None": (lambda: al.Ensemble([mlp(), None]), "Ensemble takes a network"),
    "2.0 members": (lambda: al.Ensemble(mlp(), 2.0), "members must be an integer of at least 2"),
    "MC dropout of None": (lambda: al.MCDropout(None), "MCDropout takes a network"),
    "a seed as text": (lambda: al.MCDropout(mlp(), 3, "a"), "seed must be an integer"),
    "a criterion of an array": (
        lambda: al.Margin()(P),
        r"Margin\(\) scores a Prediction, got Tensor",
    ),
    "a criterion of None": (lambda: al.Margin()(None), "scores a Prediction, got NoneType"),
    "a formula of an array": (lambda: (1 - al.Rank(al.Margin()))(P.numpy()), "got ndarray"),
    "a criterion and text": (lambda: al.Margin() + "a", r"got Margin\(\) \+ 'a'"),
    "a criterion and a class": (lambda: al.Margin() * al.Entropy, r"Did you mean Entropy\(\)"),
    "a criterion and a function": (lambda: len - al.Margin(), "Wrap a function"),
    "a criterion as text": (
        lambda: al.Rank("least_confidence"),
        r"Did you mean LeastConfidence\(\)",
    ),
    "weights by name": (lambda: criteria.Schedule({0: 1.0}), "one weight per round"),
    "weights as text": (lambda: criteria.Schedule("12"), "one weight per round"),
    "a round as context": (
        lambda: (criteria.Schedule([1]) * al.Margin()).at(3),
        r"Context\(round\)",
    ),
    "Thompson at a round": (lambda: criteria.Thompson().at(3), "at takes a Context, got 3"),
    "a round as text": (lambda: criteria.Context("x"), "round must be an integer of at least 0"),
    "a sample as text": (lambda: criteria.Thompson("a"), "sample must be an integer"),
    "a head of None": (lambda: criteria.HeadScore(None), "head must be an nn.Module"),
    "targets of half": (lambda: criteria.EPIG(num_targets=0.5), "num_targets must be an integer"),
    "a temperature of an array": (lambda: criteria.Temperature(2.0)(P), "Prediction, got Tensor"),
    "labels of None": (lambda: al.fit_temperature(PREDICTION, None), "class numbers"),
    "labels as text": (lambda: al.fit_temperature(PREDICTION, ["a"] * 20), "class numbers"),
    "a fit to an array": (lambda: al.fit_temperature(P, [0] * 20), "Prediction, got Tensor"),
    "scores for candidates": (lambda: al.TopK()(P, 3, G), r"picks from Candidates, got Tensor"),
    "None for candidates": (
        lambda: al.KCenter()(None, 3, G),
        "picks from Candidates, got NoneType",
    ),
    "scores of a chunk": (
        lambda: selectors.RunningTopK(3, G).add([1.0], [2]),
        "scores must be a tensor",
    ),
    "a space by metric": (lambda: al.KCenter("cosine"), r"Did you mean Features\('cosine'\)"),
    "a space by name": (
        lambda: al.KCenter("gradientembeding"),
        r"Did you mean GradientEmbedding\(\)",
    ),
    "a metric": (lambda: al.Features("euclid"), "metric must be one of .* got 'euclid'"),
    "a likely metric": (lambda: al.Features("cosin"), "Did you mean 'cosine'"),
    "half a component": (lambda: al.Features(pca=0.5), "pca must be an integer of at least 1"),
    "a selector as text": (lambda: al.Prefilter(10, "kcenter"), r"Did you mean KCenter\(\)"),
    "quotas in a list": (lambda: al.PerGroup([0], quotas=[1]), "quotas must be a dict"),
    "needs as text": (
        lambda: selectors.as_selector(len, "features"),
        "needs must be a set of names",
    ),
    "a need": (lambda: selectors.as_selector(len, {"feature"}), "Did you mean 'features'"),
    "an array as prediction": (
        lambda: al.Candidates(P[:, 0], P),
        "prediction must be a Prediction",
    ),
    "an array as annotated": (lambda: al.Candidates(None, PREDICTION, P), "annotated must be"),
    "a list of labels": (
        lambda: al.Candidates(None, PREDICTION, PREDICTION, [1] * 20),
        "labels must be a tensor",
    ),
    "a list of ids": (lambda: al.Candidates(ids=[1, 2]), "ids must be a tensor of integers"),
    "a head that is none": (lambda: al.Candidates(P[:, 0], head=3), "head must be a module"),
    "a list of positions": (lambda: CANDIDATES[[1, 2]], "positions must be a tensor"),
    "candidates as text": (
        lambda: al.estimate_risk([1.0], [0.1], "x"),
        "candidates must be an int",
    ),
    "half a candidate": (lambda: al.estimate_risk([1.0], [0.1], 10.5), "candidates must be an int"),
    "a level as text": (lambda: al.estimate_risk([1.0], [0.1], 9, level="x"), "level must be"),
    "what is out of reach": (
        lambda: al.estimate_risk([1.0], [0.1], 9, unreachable=None),
        "unreachable must be",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_a_bad_call_ends_in_an_error_that_names_argument_and_value(call, message):
    with pytest.raises(AlkitError, match=message):
        call()


def test_an_operand_of_the_wrong_type_is_a_type_error_too():
    with pytest.raises(TypeError):
        al.Margin() + "a"
    assert issubclass(ArgumentError, ConfigurationError)


def test_a_refused_change_leaves_a_block_as_it_was():
    net = mlp()
    before = repr(net)
    for wrong in ({"hidden_features": 8}, {"in_features": 0}, {"hidden": [8]}):
        with pytest.raises(ConfigurationError):
            net.configure(**wrong)
    with pytest.raises(ConfigurationError):
        net.initialize("kaiming")
    assert repr(net) == before
    assert not net._initializers
