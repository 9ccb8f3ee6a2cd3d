import pytest
import torch

import alkit as al
from alkit.errors import NonFiniteError, PredictionError, ScoreError
from alkit.selectors import Candidates

SCORES = torch.tensor([0.3, 0.1, 0.2])
IDS = torch.tensor([4, 8, 6])


def prediction(n=3, features=2, **options):
    outputs = torch.arange(2.0 * n).view(n, 2)
    return al.Prediction(outputs, features=torch.ones(n, features), **options)


@pytest.mark.parametrize(
    "scores", [torch.zeros(3, 1), torch.zeros(3, dtype=torch.long), [1.0, 2.0], torch.tensor(1.0)]
)
def test_scores_that_are_not_a_float_vector_raise(scores):
    with pytest.raises(ScoreError, match="float tensor"):
        Candidates(scores)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_scores_that_are_not_finite_raise_and_nothing_is_selected(bad):
    with pytest.raises(NonFiniteError, match="Nothing was selected"):
        Candidates(torch.tensor([0.0, bad]))


@pytest.mark.parametrize(("dtype", "high"), [(torch.float32, 3e38), (torch.float16, 6e4)])
def test_finite_scores_whose_sum_overflows_are_fine(dtype, high):
    assert len(Candidates(torch.full((3,), high, dtype=dtype))) == 3


def test_scores_of_other_candidates_raise():
    with pytest.raises(ScoreError, match="3 scores came with 2 predictions"):
        Candidates(SCORES, prediction(2))


def test_scores_on_another_device_raise():
    with pytest.raises(ScoreError, match="scores are on meta, the prediction on cpu"):
        Candidates(torch.zeros(3, device="meta"), prediction())


def test_scores_are_detached():
    assert not Candidates(SCORES.clone().requires_grad_()).scores.requires_grad


def test_candidates_need_scores_a_prediction_or_ids():
    with pytest.raises(PredictionError, match="need scores, a prediction or ids"):
        Candidates()


def test_ids_are_those_given_or_of_the_prediction_or_count_from_zero():
    assert Candidates(SCORES).ids.tolist() == [0, 1, 2]
    assert Candidates(SCORES, prediction(ids=IDS)).ids.tolist() == [4, 8, 6]
    assert Candidates(SCORES, ids=IDS).ids.tolist() == [4, 8, 6]
    assert len(Candidates(ids=IDS)) == 3


@pytest.mark.parametrize("known", [{"scores": SCORES}, {"prediction": prediction()}])
def test_ids_of_another_number_raise(known):
    with pytest.raises(PredictionError, match=r"expected 3 ids, one per candidate.*\(2,\)"):
        Candidates(**known, ids=torch.arange(2))


@pytest.mark.parametrize(
    ("annotated", "message"),
    [
        (prediction(4, features=3), "features of the candidates are"),
        (al.Prediction(torch.zeros(4, 3)), "outputs of the candidates are"),
    ],
)
def test_annotated_samples_of_another_model_raise(annotated, message):
    with pytest.raises(PredictionError, match=message):
        Candidates(prediction=prediction(), annotated=annotated)


@pytest.mark.parametrize(
    "labels", [torch.zeros(4), torch.zeros(4, 1).long(), torch.zeros(4, dtype=torch.bool)]
)
def test_labels_that_are_not_class_numbers_raise(labels):
    with pytest.raises(PredictionError, match=r"class numbers \(A,\)"):
        Candidates(SCORES, annotated=prediction(4), labels=labels)


@pytest.mark.parametrize(("columns", "wrong"), [(3, 3), (3, -1), (1, 2)])
def test_labels_of_classes_that_the_model_does_not_have_raise(columns, wrong):
    known = al.Prediction(torch.zeros(4, columns), 10 + torch.arange(4))
    outputs = al.Prediction(torch.zeros(len(SCORES), columns))
    labels = torch.tensor([0, 1, 1, wrong])
    with pytest.raises(PredictionError, match=rf"classes 0 to {max(columns, 2) - 1}, got {wrong}"):
        Candidates(SCORES, outputs, known, labels)
    labels[3] = max(columns, 2) - 1
    Candidates(SCORES, outputs, known, labels)


def test_labels_of_another_number_raise():
    with pytest.raises(PredictionError, match="4 annotated samples came with 3 labels"):
        Candidates(SCORES, annotated=prediction(4), labels=torch.arange(3))


def test_annotated_samples_are_counted_by_prediction_or_labels():
    assert Candidates(SCORES).num_annotated == 0
    assert Candidates(SCORES, annotated=prediction(4)).num_annotated == 4
    assert Candidates(SCORES, labels=torch.arange(5)).num_annotated == 5


def test_a_part_keeps_rows_together_and_the_annotated_samples():
    whole = Candidates(SCORES, prediction(ids=IDS), prediction(4), torch.arange(4) % 2)
    first_and_last = whole[torch.tensor([True, False, True])]
    for part in (whole[torch.tensor([2, 0])], first_and_last[torch.tensor([1, 0])]):
        assert part.scores.tolist() == pytest.approx([0.2, 0.3])
        assert part.ids.tolist() == part.prediction.ids.tolist() == [6, 4]
        assert part.prediction.outputs[:, 0].tolist() == [[4, 5], [0, 1]]
        assert part.annotated is whole.annotated
        assert part.labels is whole.labels


def test_only_what_is_needed_is_kept_and_is_not_copied():
    head = torch.nn.Linear(2, 2)
    whole = Candidates(SCORES, prediction(ids=IDS), prediction(4), torch.arange(4) % 2, head)
    bare = whole.only(set())
    assert (bare.scores, bare.prediction, bare.annotated, bare.labels, bare.head) == (None,) * 5
    assert bare.ids.tolist() == IDS.tolist()
    assert whole.only({"scores"}).scores.data_ptr() == whole.scores.data_ptr()
    part = whole.only({"features", "annotated", "labels", "head"})
    assert part.prediction.outputs is None
    assert part.annotated.outputs is None
    assert part.features.data_ptr() == whole.features.data_ptr()
    assert part.labels is whole.labels
    assert part.head is head
    assert whole.only({"outputs", "features"}).prediction is whole.prediction
    assert whole.only({"features"}).annotated is None
    assert whole.only({"outputs"}).prediction.features is None


def test_errors_on_missing_probabilities_and_features_explain_how_to_get_them():
    with pytest.raises(PredictionError, match=r"probabilities= to al\.select"):
        Candidates(SCORES).probabilities
    with pytest.raises(PredictionError, match=r'features="layer\.path"'):
        Candidates(SCORES).features


def test_other_scores_leave_the_rest():
    whole = Candidates(SCORES, prediction(ids=IDS))
    assert whole.with_scores(-SCORES).scores.equal(-SCORES)
    assert whole.with_scores(-SCORES).prediction is whole.prediction
    with pytest.raises(NonFiniteError):
        whole.with_scores(SCORES / 0)
