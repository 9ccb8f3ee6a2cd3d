import pytest
import torch

from alkit.diagnosis.finding import Finding, is_many, not_seen


def test_what_was_not_seen_says_what_it_needs():
    found = not_seen("outliers", "features")
    assert (found.name, found.verdict, found.says) == ("outliers", "not seen", "needs features")
    assert found.value is None
    assert len(found.indices) == 0


def test_findings_do_not_share_their_indices():
    assert Finding("a", "ok", "").indices is not Finding("b", "ok", "").indices


@pytest.mark.parametrize(
    ("true", "of", "many"),
    [(0, 5, False), (1, 2, False), (2, 20, False), (2, 19, True), (3, 3, True)],
)
def test_many_are_more_than_one_and_more_than_a_tenth(true, of, many):
    assert is_many(torch.arange(of) < true) is many
