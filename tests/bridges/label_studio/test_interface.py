from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.bridges.label_studio import interface
from alkit.bridges.label_studio.interface import Names, names_of
from alkit.errors import BridgeError, ConfigurationError

SIGNS = st.characters(exclude_categories=["Cc", "Cs", "Cn"])  # joiners as in Persian are allowed
CLASS = st.text(SIGNS, min_size=1, max_size=8).filter(lambda text: text == text.strip())


def project(labels, *, kind="Image", controls=1):
    tag = {
        "type": "Choices",
        "to_name": ["picture"],
        "inputs": [{"type": kind, "valueType": None, "value": "url"}],
        "labels": labels,
    }
    return {"title": "waste", "parsed_label_config": {f"kind{k}": tag for k in range(controls)}}


@given(st.lists(CLASS, min_size=1, max_size=30, unique=True), st.sampled_from(["image", "text"]))
def test_every_class_is_a_choice_whatever_signs_it_has(classes, kind):
    view = ElementTree.fromstring(interface(classes, kind))
    assert [choice.get("value") for choice in view.iter("Choice")] == classes
    (shown,) = view.findall(kind.capitalize())
    assert shown.get("value") == f"${kind}"
    (choices,) = view.findall("Choices")
    assert choices.get("toName") == shown.get("name")


def test_many_classes_are_a_list_with_a_search():
    assert 'layout="select"' not in interface([f"c{k}" for k in range(20)])
    assert 'layout="select"' in interface([f"c{k}" for k in range(21)])


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ([], "names of the classes"),
        ("ab", "names of the classes"),
        (["a", ""], "control characters"),
        (["a", " b"], "control characters"),
        (["a\0"], "control characters"),
        (["a\ud800"], "control characters"),
        (["a", 1], "control characters"),
        (["a", "b", "a"], "'a' is given more than once"),
    ],
)
def test_classes_that_cannot_be_choices_are_refused(classes, words):
    with pytest.raises(ConfigurationError, match=words):
        interface(classes)


def test_a_project_made_by_hand_is_used_with_its_own_names():
    found = names_of(project(["paper", "glass"]), ["glass", "paper"], "image")
    assert found == Names("kind0", "picture", "url")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (project(["glass", "metal"]), r"other classes: \['metal', 'paper'\]"),
        (project(["glass", "paper"], kind="Text"), "labels Text, not image"),
        (project(["glass", "paper"], controls=2), "2 Choices tags"),
        ({"title": "new", "parsed_label_config": {}}, "0 Choices tags"),
    ],
)
def test_a_project_that_asks_something_else_is_refused(facts, words):
    with pytest.raises(BridgeError, match=words):
        names_of(facts, ["glass", "paper"], "image")
