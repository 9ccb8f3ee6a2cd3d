"""Sampled: every function either applies to each of the K tensors or raises."""

import pytest
import torch
from torch.nn import functional as F

from alkit.blocks.posterior.sampled import NotUnderstood, Sampled, mean_of_samples
from alkit.blocks.posterior.thinned import Channels, Values

K = 3


def values(shape=(4, 6), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for _ in range(K)]


def thinned(shape=(4, 6), seed=0):
    """A tensor after a dropout in thinned form, and the K dense tensors it stands for."""
    base, kept = values(shape, seed)[0], [torch.tensor(c) for c in ([0, 2], [1, 2, 5], [3])]
    dense = [torch.zeros(shape).index_copy(1, c, 2 * base[:, c]) for c in kept]
    return Channels(base, kept, shape[1], 2.0), dense


PLAIN = torch.randn(4, 6, generator=torch.Generator().manual_seed(9))
FUNCTIONS = {
    "plus": lambda x: x + PLAIN,
    "plus itself": lambda x: x * x + 1,
    "from the left": lambda x: PLAIN - x / 2,
    "matmul": lambda x: x @ PLAIN.T,
    "linear": lambda x: F.linear(x, PLAIN),
    "linear of linear": lambda x: F.linear(F.linear(x, PLAIN).relu(), PLAIN.T),
    "index": lambda x: x[1:, [0, 3]],
    "index by itself": lambda x: PLAIN[x.argmax(1) % 4],
    "cat": lambda x: torch.cat([x, PLAIN, x], dim=1),
    "stack": lambda x: torch.stack((x, x.exp())),
    "two outputs": lambda x: x.max(1).values + x.min(1)[0],
    "chunks": lambda x: x.chunk(2, 1)[1] - x.split([1, 5], 1)[0],
    "where": lambda x: torch.where(x > 0, x, PLAIN),
    "einsum": lambda x: torch.einsum("ni,mi->nm", x, PLAIN),
    "norm": lambda x: F.layer_norm(x, (6,)) + F.normalize(x),
    "gelu": lambda x: F.gelu(x).tanh(),
    "sigmoid": torch.sigmoid,
    "view": lambda x: x.view(x.shape[0], 2, -1).transpose(1, 2).reshape(-1, 2),
    "as bits": lambda x: x.view(torch.int32),
    "flat": lambda x: x.flatten(1).relu().softmax(-1),
    "in place": lambda x: (x + 0).relu_().add_(PLAIN),
    "set item": lambda x: setitem(x + 0),
    "keyword": lambda x: torch.add(input=x, other=PLAIN),
    "a loop over its shape": lambda x: sum(x[:, i] for i in range(x.size(1))),
    "double": lambda x: x.double().to(torch.float32) if x.dtype == torch.float32 else x,
    "dropout that is off": lambda x: F.dropout(x, 0.5, training=False),
    "pad": lambda x: F.pad(x, (1, 1)),
}


def setitem(x):
    x[:, 1:3] = PLAIN[:, :2]
    x -= 1
    return x


@pytest.mark.parametrize("kind", ["values", "channels"])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_a_function_is_applied_to_each_sample(function, kind):
    held, dense = (Values(v := values()), v) if kind == "values" else thinned()
    before, expected = [x.clone() for x in dense], [function(x) for x in dense]
    result = function(Sampled(held))
    assert isinstance(result, Sampled)
    assert result.shape == expected[0].shape
    assert result.dtype == expected[0].dtype
    for ours, theirs in zip(result.held.values(), expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    for ours, theirs in zip(held.values(), before, strict=True):
        torch.testing.assert_close(ours, theirs)  # the input is unchanged


def test_its_metadata_are_those_of_one_sample():
    x = Sampled(thinned((4, 6, 2))[0])
    assert (x.shape, x.ndim, x.size(1), len(x), x.numel()) == ((4, 6, 2), 3, 6, 4, 48)
    assert (x.dtype, x.device.type, x.is_floating_point()) == (torch.float32, "cpu", True)
    assert (x.stride(), x.is_contiguous()) == ((12, 2, 1), True)
    assert repr(x) == "Sampled((4, 6, 2), Channels)"


@pytest.mark.parametrize(
    "function",
    [
        lambda x: bool(x.sum() > 0),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: x[x > 0],
        lambda x: PLAIN.clone().add_(x),
        lambda x: torch.add(x, x, out=PLAIN.clone()),
        lambda x: x.flatten().relu_(),
        lambda x: (x.view(-1), x.relu_()),
        lambda x: (x.chunk(2), x.mul_(2)),
        lambda x: (x[0], F.relu(x, inplace=True)),
        lambda x: (x + 0).unsqueeze_(0),
        lambda x: x.data_ptr(),
    ],
)
@pytest.mark.parametrize("kind", ["values", "channels"])
def test_an_operation_undefined_for_several_samples_raises(function, kind):
    held = Values(values()) if kind == "values" else thinned()[0]
    with pytest.raises(NotUnderstood):
        function(Sampled(held))


def test_a_value_equal_in_all_samples_is_a_plain_value():
    x = Sampled(Values([torch.full((2, 2), 3.0)] * K))
    assert bool(x.sum() == 12)
    assert x.sum().item() == 12


def test_the_features_of_a_batch_are_the_mean_over_samples_in_chunks_or_passes():
    dense = values((4, 2))
    mean = torch.stack(dense).mean(0)
    plain = dense[0]
    assert mean_of_samples([plain], 4) is plain
    for captured in (
        [Sampled(Values(dense))],
        [Sampled(Values([x[:3] for x in dense])), Sampled(Values([x[3:] for x in dense]))],
        dense,
        [torch.full((3, 2), 9.0), *dense],  # an abandoned pass of three rows
        [Sampled(Values(dense)), *dense],
    ):
        torch.testing.assert_close(mean_of_samples(captured, 4), mean)
