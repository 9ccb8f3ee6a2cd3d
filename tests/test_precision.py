import subprocess
import sys

import pytest
import torch

from alkit.precision import multiplies_bfloat16

CODE = """
import torch
import alkit as al
from alkit.precision import matmul_precision

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
    # in a process of its own: the setting is one of the whole process
    code = CODE.format(setting=setting, expected=SETTINGS[setting])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_where_torch_cannot_tell_bfloat16_is_not_multiplied(monkeypatch):
    assert not multiplies_bfloat16(torch.device("meta"))
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not multiplies_bfloat16.__wrapped__(torch.device("cpu"))
