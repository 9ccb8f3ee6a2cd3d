import pickle

import torch
from torch import nn

import alkit as al
from alkit.blocks.construction import Logs, all_made, blocks_below, is_block, unbuilt_below


def nested():
    """A block in a plain module in a block."""
    inner = al.Sequential(al.Layer(nn.Linear, 3, 3), nn.ReLU())
    return al.Sequential(al.Layer(nn.Linear, 2, 3), nn.ModuleDict({"inner": inner}))


def test_blocks_are_found_through_plain_modules_and_not_inside_other_blocks():
    found = dict(blocks_below(nested()))
    assert list(found) == ["0", "1.inner"]
    assert all(map(is_block, found.values()))
    assert not is_block(nn.Linear(2, 2))


def test_built_parts_are_not_made_again():
    block = nested()
    inner = block[1]["inner"].build()
    weights = [parameter.clone() for parameter in inner.parameters()]
    assert [path for path, _ in unbuilt_below(block)] == ["0"]
    block.build()
    assert not unbuilt_below(block)
    assert [path for path, _, _ in all_made(block)] == ["0"]
    assert block[1]["inner"] is inner
    assert all(map(torch.equal, inner.parameters(), weights))


def test_logs_are_not_saved():
    logs = Logs(features=torch.ones(2))
    assert pickle.loads(pickle.dumps(logs)) == {}
    assert isinstance(pickle.loads(pickle.dumps(logs)), Logs)
