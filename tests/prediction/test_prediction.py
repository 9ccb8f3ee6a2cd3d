import warnings

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pretended_gpu import OnGpu, pretended

import alkit as al
from alkit.errors import NonFiniteError, PredictionError
from alkit.prediction import chunks as module

NAN, INF = float("nan"), float("inf")


def test_one_posterior_sample_is_written_not_squeezed():
    prediction = al.Prediction(torch.randn(4, 3))
    assert prediction.outputs.shape == (4, 1, 3)
    assert prediction.probabilities.shape == (4, 1, 3)
    assert prediction.mean_probabilities.shape == (4, 3)
    assert len(prediction) == 4


def test_a_read_only_array_raises_no_warning():
    torch.set_warn_always(True)
    rows, ids = np.full((4, 2), 0.5, np.float32), np.arange(4)
    for array in (rows, ids):
        array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            prediction = al.Prediction(rows, ids, "probabilities", features=rows)
        finally:
            torch.set_warn_always(False)
    assert prediction.outputs.shape == (4, 1, 2)


def test_ids_are_the_positions_unless_given():
    assert al.Prediction(torch.zeros(3, 2)).ids.tolist() == [0, 1, 2]
    assert al.Prediction(torch.zeros(3, 2), ids=[7, 2, 5]).ids.tolist() == [7, 2, 5]


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(2, 4)),
        elements=st.floats(-50, 50),
    )
)
def test_every_kind_of_output_gives_the_probabilities_of_scipy(logits):
    p = scipy.special.softmax(logits, -1)
    with np.errstate(divide="ignore"):
        given = {"logits": logits, "probabilities": p, "log_probabilities": np.log(p)}
    for kind, outputs in given.items():
        prediction = al.Prediction(torch.tensor(outputs), kind=kind)
        np.testing.assert_allclose(prediction.probabilities.numpy(), p, atol=1e-12)
        np.testing.assert_allclose(prediction.mean_probabilities.numpy(), p.mean(1), atol=1e-12)
        assert (prediction.guesses == prediction.mean_probabilities.argmax(-1)).all()


@pytest.mark.parametrize("kind", ["logits", "probabilities", "log_probabilities"])
def test_one_column_becomes_two_in_every_kind(kind):
    p = torch.tensor([[0.0], [0.25], [1.0]])
    outputs = {
        "logits": torch.tensor([[-100.0], [-1.0986123], [100.0]]),
        "probabilities": p,
        "log_probabilities": p.log(),
    }
    prediction = al.Prediction(outputs[kind], kind=kind)
    expected = torch.tensor([[1, 0], [0.75, 0.25], [0, 1]])
    torch.testing.assert_close(prediction.mean_probabilities, expected)
    assert prediction.guesses.tolist() == [0, 0, 1]


def test_values_have_mean_guesses_and_no_probabilities():
    prediction = al.Prediction(torch.tensor([[[1.0, 2], [3, 4]]]), kind="values")
    assert prediction.guesses.tolist() == [[2, 3]]
    with pytest.raises(PredictionError, match='declared as "values"'):
        prediction.mean_probabilities


def test_outputs_and_features_are_detached():
    outputs, features = (torch.randn(3, 2, requires_grad=True) for _ in range(2))
    prediction = al.Prediction(outputs, features=features)
    assert not prediction.outputs.requires_grad
    assert not prediction.features.requires_grad
    assert not prediction.probabilities.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    outputs = torch.randn(3, 2).to(dtype)
    prediction = al.Prediction(outputs)
    assert prediction.outputs.dtype == torch.float32
    assert prediction.outputs[:, 0].equal(outputs.float())


def test_a_prediction_without_candidates_is_valid():
    prediction = al.Prediction(torch.zeros(0, 3))
    assert len(prediction) == 0
    assert prediction.mean_probabilities.shape == (0, 3)


@pytest.mark.parametrize(
    "rows", [slice(1, 3), torch.tensor([2, 0]), torch.tensor([True, False, True, False]), [3]]
)
def test_rows_keep_their_ids_kind_and_features(rows):
    p = torch.randn(4, 2, 3).softmax(-1)
    whole = al.Prediction(p, torch.tensor([9, 4, 7, 1]), "probabilities", torch.randn(4, 5))
    part = whole[rows]
    assert part.kind == "probabilities"
    assert part.outputs.equal(whole.outputs[rows])
    assert part.ids.equal(whole.ids[rows])
    assert part.features.equal(whole.features[rows])


@pytest.mark.parametrize("row", [0, torch.tensor(0), (slice(None), 0)])
def test_a_single_row_by_number_raises_since_it_would_lose_an_axis(row):
    with pytest.raises((PredictionError, IndexError)):
        al.Prediction(torch.zeros(4, 2, 3))[row]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"outputs": torch.zeros(3)}, r"got \(3,\)"),
        ({"outputs": torch.zeros(2, 2, 2, 2)}, r"got \(2, 2, 2, 2\)"),
        ({"outputs": torch.zeros(3, 0)}, r"got \(3, 1, 0\)"),
        ({"outputs": torch.zeros(3, 2).long()}, "floating point"),
        ({"kind": "softmax"}, "kind must be one of"),
        ({"ids": torch.tensor([0, 1])}, "expected 3 ids"),
        ({"ids": torch.tensor([[0, 1, 2]])}, "expected 3 ids"),
        ({"ids": torch.tensor([0, 1, 1])}, "distinct"),
        ({"ids": torch.tensor([0.2, 1.7, 2.0])}, "integers"),
        ({"features": torch.zeros(2, 5)}, "features must have the shape"),
        ({"features": torch.zeros(3)}, "features must have the shape"),
        ({"outputs": torch.tensor([[0.5, 0.6]]), "kind": "probabilities"}, "sum to one"),
        ({"outputs": torch.tensor([[1.5, -0.5]]), "kind": "probabilities"}, "negative"),
        ({"outputs": torch.tensor([[1.5]]), "kind": "probabilities"}, "above one"),
        ({"outputs": torch.tensor([[-0.5]]), "kind": "probabilities"}, "negative"),
        ({"outputs": torch.tensor([[0.1]]), "kind": "log_probabilities"}, "above one"),
        ({"outputs": torch.zeros(1, 2), "kind": "log_probabilities"}, "sum to one"),
    ],
)
def test_an_invalid_prediction_raises(kwargs, message):
    with pytest.raises(PredictionError, match=message):
        al.Prediction(**{"outputs": torch.zeros(3, 2), **kwargs})


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (NAN, "logits"),
        (INF, "logits"),
        (-INF, "logits"),
        (NAN, "probabilities"),
        (NAN, "log_probabilities"),
        (INF, "log_probabilities"),
        (INF, "values"),
    ],
)
def test_outputs_that_are_not_finite_name_the_first_sample(bad, kind):
    outputs = torch.full((4, 2, 2), 0.5)
    outputs[1:3, 1, 0] = bad
    with pytest.raises(NonFiniteError, match=r"2 of 4 samples \(the first: sample 30\)"):
        al.Prediction(outputs, ids=torch.tensor([10, 30, 20, 40]), kind=kind)


def test_features_that_are_not_finite_raise():
    with pytest.raises(NonFiniteError, match="features"):
        al.Prediction(torch.zeros(1, 2), features=torch.tensor([[NAN]]))


def test_a_prediction_cannot_be_changed_by_assignment():
    with pytest.raises(AttributeError):
        al.Prediction(torch.zeros(1, 2)).ids = torch.tensor([3])


@pytest.mark.parametrize(("n", "sizes"), [(0, [0]), (1, [1]), (7, [7]), (8, [7, 1]), (14, [7, 7])])
def test_chunks_hold_each_row_once_and_in_order(n, sizes, monkeypatch):
    monkeypatch.setattr(module, "CACHE", 7 * 2 * 3)
    prediction = al.Prediction(torch.randn(n, 2, 3), torch.arange(n).flip(0) + 5)
    parts = list(prediction.chunks())
    assert [len(part) for part in parts] == sizes
    assert torch.cat([part.ids for part in parts]).equal(prediction.ids)
    assert torch.cat([part.outputs for part in parts]).equal(prediction.outputs)


def test_a_row_that_is_larger_than_the_cache_is_one_chunk(monkeypatch):
    monkeypatch.setattr(module, "CACHE", 4)
    assert [len(part) for part in al.Prediction(torch.randn(3, 5)).chunks()] == [1, 1, 1]


def test_features_alone_come_in_chunks_too(monkeypatch):
    monkeypatch.setattr(module, "CACHE", 8)
    parts = list(al.Prediction(features=torch.randn(5, 4)).chunks())
    assert [len(part) for part in parts] == [2, 2, 1]


@pytest.mark.parametrize("kind", ["logits", "probabilities", "log_probabilities", "values"])
@pytest.mark.parametrize("row", [0, 4, 9])
def test_nan_is_found_in_every_chunk(row, kind, monkeypatch):
    monkeypatch.setattr(module, "CACHE", 3 * 2)
    outputs = torch.full((10, 2), 0.5)
    if kind == "log_probabilities":
        outputs = outputs.log()
    al.Prediction(outputs, kind=kind)
    outputs[row, 1] = NAN
    with pytest.raises(NonFiniteError, match=f"sample {row}"):
        al.Prediction(outputs, kind=kind)


def test_finite_logits_may_be_as_large_as_floats_allow():
    largest = torch.finfo(torch.float32).max
    assert al.Prediction(torch.tensor([[largest, largest], [0, -largest]])).guesses[1] == 0


@pytest.mark.parametrize("outputs", ["abc", [[0.1, 0.9], [1.0]], [[None, 1.0]], object(), 1.0])
def test_what_is_no_array_of_numbers_is_refused(outputs):
    for name in "outputs", "features":
        with pytest.raises(PredictionError, match=name):
            al.Prediction(**{name: outputs})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ids": torch.tensor([-1, 2])}, "from 0 on, got -1"),
        ({"task": "labels"}, "task must be one of multiclass, binary, multilabel, regression, seg"),
        ({"task": "multilabel", "kind": "values"}, "does not go with"),
        ({"task": "regression"}, "does not go with"),
    ],
)
def test_an_id_or_a_task_that_cannot_be_is_refused(options, message):
    with pytest.raises(PredictionError, match=message):
        al.Prediction(torch.zeros(2, 2), **options)


def test_probabilities_of_independent_labels_need_not_sum_to_one():
    p = torch.tensor([[0.9, 0.8], [0.1, 0.0]])
    prediction = al.Prediction(p, kind="probabilities", task="multilabel")
    assert prediction.label_probabilities.equal(p[:, None])
    assert prediction.guesses.tolist() == [[1, 1], [0, 0]]
    with pytest.raises(PredictionError, match="above one"):
        al.Prediction(p + 0.5, kind="probabilities", task="multilabel")
    with pytest.raises(PredictionError, match="2 independent labels"):
        prediction.probabilities
    assert prediction[1:].task == "multilabel"
    rows = prediction.rows()
    assert rows.ids.tolist() == [0, 0, 1, 1]
    assert rows.probabilities[:, 0, 1].tolist() == pytest.approx([0.9, 0.8, 0.1, 0.0])


def test_rows_are_taken_by_positions_on_another_device():
    outputs, features, ids = torch.randn(5, 3), torch.randn(5, 2), torch.arange(10, 15)
    with pretended():
        whole = al.Prediction(OnGpu(outputs), ids, features=features)
        for rows in (torch.tensor([3, 0]), torch.tensor([0, 0, 1, 0, 1]).bool()):
            for places in (rows, OnGpu(rows)):
                part = whole[places]
                assert part.ids.tolist() == ids[rows].tolist()
                assert torch.equal(part.outputs.cpu()[:, 0], outputs[rows])
                assert torch.equal(part.features, features[rows])
