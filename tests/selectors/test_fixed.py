import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError, FeaturesError, PredictionError
from alkit.selectors import Candidates, FixedRows, Frozen, Given, Inputs
from alkit.selectors.fixed import fixed_needs


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (Inputs(), "Inputs()"),
        (Inputs(20, normalize=False), "Inputs(20, normalize=False)"),
        (Frozen("resnet18"), "Frozen('resnet18')"),
        (Frozen(nn.Identity(), metric="cosine"), "Frozen(Identity, metric='cosine')"),
        (Frozen(StandardScaler()), "Frozen(StandardScaler)"),
        (Given([[1.0, 2.0]]), "Given((1, 2))"),
    ],
)
def test_a_space_prints_as_it_is_made_and_is_its_own_need(space, text):
    assert repr(space) == text
    assert repr(al.KCenter(space)) == f"KCenter(space={text})"
    assert space.needs == {space}
    assert al.KCenter(space).needs == {space, "annotated"}
    assert fixed_needs(al.UncertaintyHerding(space).needs) == {space}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Inputs(0), "components"),
        (lambda: Inputs(metric="cosin"), "Did you mean 'cosine'"),
        (lambda: Frozen(3), r"Frozen takes a network.*Given\(array\)"),
        (lambda: Frozen(StandardScaler), "Frozen takes a network"),
        (lambda: Frozen(StandardScaler(), folder="x"), "folder= keeps the outputs of a network"),
        (lambda: Given(np.zeros(3)), r"numbers \(N, D\)"),
        (lambda: Given([["a"]]), r"numbers \(N, D\)"),
        (lambda: Given([[1], [1, 2]]), r"numbers \(N, D\)"),
        (lambda: Given(np.zeros((0, 3))), r"numbers \(N, D\)"),
        (lambda: Given(torch.zeros(2, 2, dtype=torch.complex64)), r"numbers \(N, D\)"),
        (lambda: Given(torch.eye(3).to_sparse()), r"numbers \(N, D\).*, sparse"),
        (lambda: Given("no.npy"), r"no file .*\bno\.npy: write it with numpy\.save"),
    ],
)
def test_wrong_arguments_are_errors(make, words):
    with pytest.raises(ConfigurationError, match=words):
        make()


def test_paths_are_those_of_the_folder_in_which_a_space_was_made(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    for folder, seed in ((tmp_path, 0), (tmp_path / "elsewhere", 1)):
        np.save(folder / "rows.npy", np.random.default_rng(seed).normal(size=(9, 2)))
        (folder / "rows.txt").write_text("\n".join("abcdefghi"))
        torch.jit.script(nn.Linear(2, 2)).save(folder / "net.pt")
    monkeypatch.chdir(tmp_path)
    given, frozen = Given("rows.npy", "rows.txt"), Frozen("net.pt", folder="kept")
    before = al.select(3, selector=al.KCenter(given), names=list("abcdefghi"), seed=0)
    monkeypatch.chdir(tmp_path / "elsewhere")
    after = al.select(3, selector=al.KCenter(given), names=list("abcdefghi"), seed=0)
    assert list(before) == list(after)
    assert (given.path, given.names) == (tmp_path / "rows.npy", tmp_path / "rows.txt")
    assert (frozen.encoder, frozen.folder) == (tmp_path / "net.pt", tmp_path / "kept")
    assert [repr(given), repr(frozen)] == ["Given('rows.npy')", "Frozen('net.pt')"]


def test_masked_values_are_nan():
    rows = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]])
    np.testing.assert_array_equal(Given(rows).array, [[1, np.nan], [3, 4]])


def test_a_copied_selector_needs_the_copied_space():
    selector = al.KCenter(Inputs(3))
    for other in (copy.deepcopy(selector), pickle.loads(pickle.dumps(selector))):
        assert other.space in other.needs
        assert other is not selector


def candidates(space, ours, theirs=None):
    known = {} if theirs is None else {space: theirs}
    return Candidates(ids=torch.arange(len(ours)), fixed=FixedRows({space: ours}, known))


def test_points_are_the_rows_of_candidates_and_annotated_samples():
    space = Inputs(metric="manhattan")
    ours, theirs = torch.rand(5, 3), torch.rand(2, 3)
    points, known = space(candidates(space, ours, theirs))
    torch.testing.assert_close(points.distances(known), torch.cdist(ours, theirs, p=1))
    assert space(candidates(space, ours))[1] is None
    assert candidates(space, ours, theirs).num_annotated == 2
    assert candidates(space, ours, theirs).alone().num_annotated == 0


def test_parts_of_candidates_have_the_parts_of_their_rows():
    one, other = Inputs(), Inputs()
    rows = torch.arange(8.0).reshape(4, 2)
    both = Candidates(
        ids=torch.arange(4), fixed=FixedRows({one: rows, other: -rows}, {one: rows[:1]})
    )
    assert both[torch.tensor([2, 0])].fixed.candidates[other].tolist() == [[-4, -5], [0, -1]]
    assert both.only({one}).fixed.candidates.keys() == {one}
    assert both.only({one}).fixed.annotated == {}
    assert both.only({one, "annotated"}).fixed.annotated.keys() == {one}
    assert both.only({"scores"}).fixed is None
    joined = both.fixed.joined(both[torch.tensor([3])].fixed)
    assert joined.annotated[one].tolist() == [[0, 1], [6, 7]]
    assert joined.annotated[other].tolist() == [[-6, -7]]


def test_rows_of_another_number_are_an_error():
    with pytest.raises(PredictionError, match=r"must be a tensor \(3, D\), got \(2, 2\)"):
        Candidates(ids=torch.arange(3), fixed=FixedRows({Inputs(): torch.zeros(2, 2)}))
    assert issubclass(FeaturesError, ConfigurationError)


@pytest.mark.parametrize("space", [Inputs(), Given(np.eye(3)), Frozen(nn.Linear(2, 2))])
def test_a_copy_of_what_holds_a_space_has_the_same_space(space):
    assert copy.deepcopy(al.KCenter(space)).space is space


def test_an_encoder_that_is_part_of_a_network_is_copied_with_it():
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    twin, space = copy.deepcopy((network, Frozen(network[0], metric="cosine")))
    assert space.encoder is twin[0]
    assert space.encoder is not network[0]
    assert space.metric == "cosine"
