"""Dropped channels are not computed, and results match dense tensors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from alkit.blocks.posterior.thinned import Channels, Product, Values, dropped, followed

UNARY = {
    "relu": F.relu,
    "leaky_relu": lambda x, **_: F.leaky_relu(x, 0.2),
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "silu": F.silu,
    "elu": F.elu,
    "max_pool2d": lambda x, **_: F.max_pool2d(x, 2, 1, padding=1),
    "avg_pool2d": lambda x, **_: F.avg_pool2d(x, 2),
    "adaptive_avg_pool2d": lambda x, **_: F.adaptive_avg_pool2d(x, 4),
    "adaptive_max_pool2d": lambda x, **_: F.adaptive_max_pool2d(x, 4),
}


def by_hand(x, keep, scale):
    xs = [x] * len(keep) if isinstance(x, torch.Tensor) else x
    return [torch.where(mask[:, None, None], scale * one, 0) for one, mask in zip(xs, keep)]


def check(held, expected):
    assert tuple(held.shape) == tuple(expected[0].shape)
    for ours, theirs in zip(held.values(), expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-7)


@given(
    names=st.lists(st.sampled_from(list(UNARY)), max_size=3),
    then=st.lists(st.sampled_from(list(UNARY)), max_size=2),
    source=st.sampled_from(["shared", "values", "product"]),
    options=st.sampled_from([(), (1, 1), (2, "valid"), (1, "same", 2), ((1, 2), (0, 1))]),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_chain_of_layers_matches_dense_tensors(names, then, source, options, bias, seed):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    samples, c = 3, 5
    keep = [torch.rand(c, generator=generator) < 0.5 for _ in range(samples)]
    last = [torch.rand(4, generator=generator) < 0.5 for _ in range(samples)]
    for masks in (keep, last):
        for mask in masks:
            mask[0] = True
    x, dense = normal(2, c, 9, 9), None
    if source == "values":
        dense = [normal(2, c, 9, 9) for _ in range(samples)]
        x = Values(dense)
    elif source == "product":
        inputs, weight = [normal(2, 3, 9, 9) for _ in range(samples)], normal(c, 3, 1, 1)
        x = followed(Values(inputs), "conv2d", F.conv2d, (weight, None), {})
        dense = [F.conv2d(one, weight) for one in inputs]
        assert isinstance(x, Product)
    expected = by_hand(x if dense is None else dense, keep, 1.5)
    held = dropped(x, [mask[:, None, None] for mask in keep], 1.5)
    for name in names:
        if "pool" in name and min(expected[0].shape[2:]) < 5:
            continue
        held = followed(held, name, UNARY[name], (), {})
        expected = [UNARY[name](one) for one in expected]
    assert isinstance(held, Channels)
    check(held, expected)

    weight, b = normal(4, c, 2, 2), normal(4) if bias else None
    held = followed(held, "conv2d", F.conv2d, (weight, b, *options), {})
    expected = [F.conv2d(one, weight, b, *options) for one in expected]
    assert isinstance(held, Product)
    for name in then:
        if "pool" in name and min(expected[0].shape[2:]) < 2:
            continue
        held = followed(held, name, UNARY[name], (), {})
        expected = [UNARY[name](one) for one in expected]
    check(held, expected)
    held = dropped(held, [mask[:, None, None] for mask in last], 3.0)
    check(held, by_hand(expected, last, 3.0))

    flat = followed(held, "flatten", torch.flatten, (1,), {})
    expected = [one.flatten(1) for one in by_hand(expected, last, 3.0)]
    check(flat, expected)
    weight = normal(2, flat.shape[1])
    check(
        followed(flat, "linear", F.linear, (weight,), {}), [F.linear(e, weight) for e in expected]
    )


X = torch.randn(3, 4, 6, 6)
KEPT = Channels(X, [torch.tensor([0, 2]), torch.tensor([1])], 4, 2.0)


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("sigmoid", (), {}),
        ("max_pool2d", (2,), {"return_indices": True}),
        ("max_pool3d", (2,), {}),
        ("conv2d", (torch.randn(4, 2, 3, 3), None, 1, 0, 1, 2), {}),
        ("conv2d", (torch.randn(4, 5, 3, 3),), {}),
        ("linear", (torch.randn(4, 6),), {}),
        ("view", (3, 2, -1), {}),
        ("flatten", (2,), {}),
        ("softmax", (1,), {}),
    ],
)
def test_functions_that_mix_channels_or_move_zero_use_dense_tensors(name, args, kwargs):
    functions = {"view": torch.Tensor.view, "flatten": torch.flatten}
    assert followed(KEPT, name, functions.get(name), args, kwargs) is None


def test_a_sample_that_keeps_nothing_uses_dense_tensors():
    keep = [torch.tensor([True, False]), torch.tensor([False, False])]
    assert dropped(torch.randn(3, 2), keep, 2.0) is None


def test_a_product_is_computed_only_for_the_needed_channels():
    widths = []

    def conv2d(x, weight, *rest):
        if len(x):
            widths.append(tuple(weight.shape[:2]))
        return F.conv2d(x, weight, *rest)

    product = followed(KEPT, "conv2d", conv2d, (torch.randn(7, 4, 3, 3), None), {})
    assert product.shape == (3, 7, 4, 4)
    assert widths == []
    kept = [torch.tensor([1, 3, 4]), torch.tensor([0, 6])]
    full = product.values()
    for ours, theirs, channels in zip(product.channels(kept), full, kept, strict=True):
        torch.testing.assert_close(ours, theirs[:, channels])
    assert product.values() is full
    assert widths == [(7, 2), (7, 1), (3, 2), (2, 1)]
    shared = followed(KEPT, "relu", torch.relu, (), {})
    assert isinstance(shared.base, torch.Tensor)  # one for all samples
