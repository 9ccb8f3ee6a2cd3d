import subprocess
import sys
import warnings

import psutil
import pytest
import torch
from pretended_gpu import GPU, pretended

from alkit.errors import AlkitError, NotEnoughMemoryError, SelectionWarning
from alkit.hardware import check_cost, check_memory, free_memory, multiplies_bfloat16

CODE = """
import torch
import alkit as al
from alkit.hardware import matmul_precision

p = torch.rand(5000, 10, generator=torch.Generator().manual_seed(0)).softmax(-1)
before = al.Margin()(al.Prediction(p, kind="probabilities"))
{setting}
assert matmul_precision(p.device) {expected}
assert torch.equal(al.Margin()(al.Prediction(p, kind="probabilities")), before)
"""
SETTINGS = {
    "pass": "in ('highest', 'ieee', 'none')",
    "torch.set_float32_matmul_precision('medium')": "in ('medium', 'bf16', 'none')",
}
if hasattr(torch.backends.mkldnn, "matmul"):
    SETTINGS["torch.backends.mkldnn.matmul.fp32_precision = 'bf16'"] = "== 'bf16'"


@pytest.mark.parametrize("setting", SETTINGS)
def test_scores_are_the_same_however_torch_rounds_its_products(setting):
    # in a separate process, because the setting is process-wide
    code = CODE.format(setting=setting, expected=SETTINGS[setting])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_bfloat16_is_not_multiplied_if_torch_cannot_detect_support(monkeypatch):
    assert not multiplies_bfloat16(torch.device("meta"))
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not multiplies_bfloat16.__wrapped__(torch.device("cpu"))


def test_an_allocation_that_fits_passes():
    check_memory(1, "cpu", "a byte")
    check_memory(psutil.virtual_memory().available // 2, torch.device("cpu"), "half of it")


def test_an_allocation_that_does_not_fit_raises_with_the_amount():
    needed = 10 * psutil.virtual_memory().total
    message = rf"BAIT needs {needed / 1e9:.1f} GB, but only .* GB are free on cpu.*Take fewer"
    with pytest.raises(MemoryError, match=message) as caught:
        check_memory(needed, "cpu", "BAIT", "Take fewer.")
    assert isinstance(caught.value, AlkitError)


def test_memory_and_time_are_stated_before_what_takes_long_begins():
    cpu, needed = torch.device("cpu"), 10 * psutil.virtual_memory().total
    message = "BAIT takes about .* hours, and needs .* GB, but only.*Nothing was started. Prefilter"
    with pytest.raises(MemoryError, match=message):
        check_cost(needed, 1e16, cpu, "BAIT", "Prefilter(10, BAIT()).")
    with pytest.warns(SelectionWarning, match=r"BAIT takes about .* hours and 2.0 GB on cpu. Pref"):
        check_cost(2 * 10**9, 1e16, cpu, "BAIT", "Prefilter(10, BAIT()).")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_cost(1, 1e9, cpu, "BAIT", "Prefilter(10, BAIT()).")
    threads = torch.get_num_threads()
    with pytest.warns(SelectionWarning, match=r"BAIT takes about 100 seconds and 0.0 GB"):
        check_cost(1, 2e12 * threads, cpu, "BAIT", "Prefilter(10, BAIT()).")
    with pytest.warns(SelectionWarning, match=r"BAIT takes about 0 seconds and 1.2 GB"):
        check_cost(1_200_000_000, 1, cpu, "BAIT", "Prefilter(10, BAIT()).")


def test_what_torch_keeps_after_a_tensor_is_gone_is_free_on_a_gpu():
    with pretended(free=2**30, kept=2**31):
        assert free_memory(GPU) == 2**30 + 2**31
        check_memory(2**31, GPU, "a table")
        with pytest.raises(NotEnoughMemoryError, match=r"only 3\.2 GB are free on cuda:0"):
            check_memory(2**32, GPU, "a table")
