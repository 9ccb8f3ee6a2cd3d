import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.bridges.label_studio import Batch, export
from alkit.bridges.label_studio.interface import Names
from alkit.errors import ConfigurationError

SCORES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)


def batch(size=3, **values):
    names = [f"{k}.txt" for k in range(size)]
    return Batch(names, ["glass", "paper"], lambda name: f"text of {name}", "text", **values)


@given(SCORES)
def test_label_studio_gets_scores_that_it_keeps_in_the_reverse_order_of_informativeness(scores):
    sent = [each["score"] for each in batch(len(scores), scores=scores).predictions(Names(), "v")]
    assert all(0 <= score <= 1 for score in sent)
    for first, its in zip(scores, sent):
        assert [first > other for other in scores] == [its < other for other in sent]


def test_without_scores_the_first_name_is_wanted_most():
    sent = [each["score"] for each in batch(3).predictions(Names(), "v")]
    assert sent == [0, 0.5, 1]


def test_a_guess_is_a_choice_with_its_probability_and_none_is_no_choice():
    guessed = batch(2, guesses=["paper", None], certainty=np.array([0.75, 0.5]), round=3)
    first, second = guessed.predictions(Names("kind", "picture", "url"), guessed.version)
    assert first["result"] == [
        {
            "from_name": "kind",
            "to_name": "picture",
            "type": "choices",
            "value": {"choices": ["paper"]},
            "score": 0.75,
        }
    ]
    assert second["result"] == []
    assert {first["model_version"], second["model_version"]} == {"alkit round 3"}
    assert batch().version == "alkit"


def test_an_exported_file_has_a_task_per_sample():
    export("tasks.json", batch(2, guesses=["paper", "glass"], round=1, scores=[1, 2]))
    with open("tasks.json", encoding="utf-8") as file:
        first, second = json.load(file)
    assert first["data"] == {"text": "text of 0.txt", "alkit_id": "0.txt"}
    assert first["predictions"][0]["score"] > second["predictions"][0]["score"]
    assert first["predictions"][0]["model_version"] == "alkit round 1"


def test_contents_become_a_part_of_the_file_and_addresses_stay():
    shown = {"a.png": (b"\x89PNG", "image/png"), "b.png": "https://example.org/b.png"}
    export("tasks.json", Batch(list(shown), ["x", "y"], shown.__getitem__))
    with open("tasks.json", encoding="utf-8") as file:
        first, second = (task["data"]["image"] for task in json.load(file))
    assert base64.b64decode(first.removeprefix("data:image/png;base64,")) == b"\x89PNG"
    assert second == "https://example.org/b.png"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"names": []}, "at least one"),
        ({"names": "ab"}, "at least one"),
        ({"names": ["a", "a"]}, "distinct"),
        ({"names": ["a", 2]}, "a name must be a text"),
        ({"names": ["a", " "]}, "a name must be a text"),
        ({"names": ["a", "\udcff.jpg"]}, "is not Unicode"),
        ({"classes": ["x", "x"]}, "more than once"),
        ({"kind": "video"}, "kind must be one of"),
        ({"guesses": ["x"]}, "one value per name, 2 in all"),
        ({"guesses": ["x", "z"]}, "'z' is not one of the classes"),
        ({"certainty": [0.5, 1.2]}, "in 0..1, got 1.2"),
        ({"certainty": [0.5, float("nan")]}, "in 0..1, got nan"),
        ({"scores": [0, float("inf")]}, "finite"),
        ({"round": -1}, "at least 0"),
        ({"round": True}, "at least 0"),
    ],
)
def test_values_that_do_not_fit_are_refused(values, words):
    with pytest.raises(ConfigurationError, match=words):
        Batch(**{"names": ["a", "b"], "classes": ["x", "y"], "show": str, **values})
