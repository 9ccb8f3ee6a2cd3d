from torch import nn

import alkit as al


def test_an_unbuilt_block_prints_its_tree_and_a_built_one_prints_as_torch_does():
    net = al.Sequential(nn.Flatten(), al.Layer(nn.Conv2d, 1, 64, kernel_size=3))
    assert repr(net) == (
        "Sequential(  # not built\n"
        "  (0): Flatten(start_dim=1, end_dim=-1)\n"
        "  (1): Layer(Conv2d, in_channels=1, out_channels=64, kernel_size=3)\n"
        ")"
    )
    assert repr(net.build()) == repr(nn.Sequential(nn.Flatten(), nn.Conv2d(1, 64, 3)))
    assert repr(al.blocks.Add()) == "Add()  # not built"
    assert repr(al.blocks.Add().build()) == "Add()"
    assert "pool" not in repr(al.MultiLayerPerceptron(2, [], 1))


def test_a_block_that_is_partly_built_marks_what_is_not():
    net = al.Sequential(al.Layer(nn.Linear, 2, 3).build(), al.Layer(nn.Linear, 3, 1))
    lines = repr(net).splitlines()
    assert "# not built" in lines[0]
    assert lines[1] == "  (0): Linear(in_features=2, out_features=3, bias=True)"
    assert lines[2] == "  (1): Layer(Linear, in_features=3, out_features=1)"
