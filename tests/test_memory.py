import psutil
import pytest
import torch

from alkit.errors import AlkitError
from alkit.memory import check_memory


def test_what_fits_passes():
    check_memory(1, "cpu", "a byte")
    check_memory(psutil.virtual_memory().available // 2, torch.device("cpu"), "half of it")


def test_what_does_not_fit_says_how_much_it_needs_before_it_starts():
    needed = 10 * psutil.virtual_memory().total
    message = rf"BAIT needs {needed / 1e9:.1f} GB, and .* GB are free on cpu.*Take fewer"
    with pytest.raises(MemoryError, match=message) as caught:
        check_memory(needed, "cpu", "BAIT", "Take fewer.")
    assert isinstance(caught.value, AlkitError)
