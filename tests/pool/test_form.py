import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from alkit.pool.form import in_form_of
from alkit.pool.labels import ABSENT


@given(
    st.sampled_from([torch.int64, torch.int32, torch.float32, torch.float64, torch.bool]),
    st.integers(-100, 100) | st.floats(-100, 100, width=16) | st.booleans(),
)
def test_a_label_takes_the_form_of_the_dataset_unless_it_would_change(dtype, label):
    formed = in_form_of(torch.zeros((), dtype=dtype), label)
    assert isinstance(formed, torch.Tensor)
    assert formed.item() == label
    kinds = [torch.bool, torch.int32, torch.float32]
    rank = [bool, int, float].index(type(label))
    own = next(k for k, kind in enumerate(kinds) if torch.can_cast(dtype, kind))
    assert (formed.dtype == dtype) == (own >= rank)


def test_lists_of_numbers_become_arrays():
    assert in_form_of(np.zeros(2, np.float32), [1, 2]).dtype == np.float32
    assert in_form_of(ABSENT, [1.5, 2]).tolist() == [1.5, 2]
    assert in_form_of(torch.zeros(2), [1, 2]).dtype == torch.float32
    assert (in_form_of(ABSENT, 5), in_form_of(3, 5), in_form_of(torch.tensor(3), "cat")) == (
        5,
        5,
        "cat",
    )
