"""Scan of a pool for samples that cannot be read."""

import pytest
import torch

import alkit as al
from alkit.pool.scan import FEW, scan


class Damaged(torch.utils.data.Dataset):
    def __len__(self):
        return 300

    def __getitem__(self, index):
        if index % 100 == 7:
            raise OSError(f"damage {index}")
        return torch.full((2,), float(index)), 0


class AtOnce(Damaged):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


@pytest.mark.parametrize("kind", [Damaged, AtOnce])
@pytest.mark.parametrize("options", [{}, {"num_workers": 2, "pin_memory": False}])
def test_a_scan_finds_every_sample_that_cannot_be_read(kind, options):
    pool = al.ActiveLearningDataset(kind())
    state = torch.get_rng_state()
    found = scan(pool, pool.unannotated_indices, {**options, "collate_fn": len})
    assert sorted(found) == [7, 107, 207]
    assert "sample 107 cannot be read (OSError: damage 107)" in found[107]
    assert scan(pool, [], options) == {}
    assert scan(pool, range(8, 8 + FEW), options) == {}
    assert torch.equal(torch.get_rng_state(), state)


def test_a_scan_reads_under_the_scoring_transform():
    def fails(x):
        raise OSError("decoded here")

    data = torch.rand(5, 2)
    pool = al.ActiveLearningDataset(data, scoring_transform=fails)
    assert sorted(scan(pool, [1, 3], {})) == [1, 3]
    assert (
        scan(al.ActiveLearningDataset(data, transform=fails, scoring_transform=abs), [1], {}) == {}
    )
