import pytest
import torch
from torch.utils.data import TensorDataset


@pytest.fixture
def labels():
    """Class numbers ``(600,)`` of three classes."""
    return torch.arange(600) % 3


@pytest.fixture
def dataset(labels):
    return TensorDataset(torch.randn(600, 2, generator=torch.Generator().manual_seed(0)), labels)
