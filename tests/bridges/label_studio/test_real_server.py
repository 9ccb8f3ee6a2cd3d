"""Exchanges with a real Label Studio; run by ``make label-studio``."""

import json
import random
import re
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from PIL import Image

from alkit.bridges.label_studio import Batch, Server, export, interface, load, pull, push
from alkit.errors import BridgeError
from alkit.pool import Ledger

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.label_studio
CLASSES = ["a & b", "<c>", 'd "e"']


@pytest.fixture
def title(request):
    return f"{request.node.name[5:40]} {random.randrange(10**6)}"


def texts(names, **values):
    return Batch(names, CLASSES, lambda name: f"<b>text</b> of {name}", "text", **values)


def named(size):
    return [f"ü {k:03}.txt" for k in range(size)]


def asked(studio, project, n, token="", label="<c>"):
    """Names of the next n samples, each of which is answered."""
    names = []
    for _ in range(n):
        task = studio.next(project, token)
        names.append(task["data"]["alkit_id"])
        studio.answer(task, label, token)
    return names


def wanted(scores):
    return sorted(scores, key=lambda name: -scores[name])


def scored(names, seed):
    rng = random.Random(seed)
    return {name: rng.uniform(-30, 30) for name in names}


def total(studio, project):
    return studio.ask("GET", f"/api/tasks?project={project}")["total"]


def uploads(studio, project):
    return len(studio.ask("GET", f"/api/projects/{project}/file-uploads?all=true"))


def test_the_order_follows_alkit_after_each_training(studio, server, title):
    ledger = Ledger("labels.db")
    names = named(60)
    opened = None
    for round in range(4):
        left = [name for name in names if name not in ledger.current() and name != opened]
        scores = scored(left, seed=round)
        guesses = [CLASSES[k % 3] for k in range(len(left))]
        pushed = push(
            server,
            title,
            texts(left, scores=list(scores.values()), guesses=guesses, round=round,
                  certainty=[0.5] * len(left)),
        )  # fmt: skip
        assert (pushed.new, pushed.version) == (60 if round == 0 else 0, f"alkit round {round}")
        if opened is not None:  # a task that was open in the browser stays with its person
            assert asked(studio, pushed.project, 1) == [opened]
        assert asked(studio, pushed.project, 6) == wanted(scores)[:6]
        opened = studio.next(pushed.project)["data"]["alkit_id"]
        assert opened == wanted(scores)[6]
        versions = studio.ask("GET", f"/api/projects/{pushed.project}/model-versions/")
        assert versions == {f"alkit round {round}": len(left)}
        found = pull(server, title, ledger, CLASSES)
        assert (len(found.added), found.refused, found.undone) == (6 + (round > 0), [], [])
        assert {entry.round for entry in found.added[-6:]} == {round}
    assert total(studio, pushed.project) == 60


def test_a_batch_without_guesses_is_asked_in_its_order_before_the_others(studio, server, title):
    names = named(30)
    push(server, title, texts(names))
    batch = random.Random(3).sample(names, 5)
    pushed = push(server, title, texts(batch, round=1))
    assert asked(studio, pushed.project, 5) == batch
    assert asked(studio, pushed.project, 1)[0] in set(names) - set(batch)


def test_a_second_push_in_a_round_counts(studio, server, title):
    names = named(9)
    assert push(server, title, texts(names, round=1)).version == "alkit round 1"
    pushed = push(server, title, texts(names[::-1], round=1))
    assert pushed.version == "alkit round 1 (2)"
    assert asked(studio, pushed.project, 3) == names[:-4:-1]
    assert push(server, title, texts(names[3:6], round=1)).version == "alkit round 1"
    assert asked(studio, pushed.project, 3) == names[3:6]


def test_predictions_of_other_models_are_kept(studio, server, title):
    pushed = push(server, title, texts(named(2), round=1))
    task = studio.ask("GET", f"/api/tasks?project={pushed.project}")["tasks"][0]
    other = {"task": task["id"], "result": [], "score": 0.5, "model_version": "alkit-like 1"}
    studio.ask("POST", "/api/predictions/", {**other, "project": pushed.project})
    push(server, title, texts(named(2), round=2))
    versions = studio.ask("GET", f"/api/projects/{pushed.project}/model-versions/")
    assert versions == {"alkit round 2": 2, "alkit-like 1": 1}


def test_two_people_get_different_samples_of_the_batch_and_their_names_come_back(
    studio, server, title
):
    bob = studio.invite(f"bob{random.randrange(10**6)}@example.org")
    names = named(40)
    push(server, title, texts(names))
    pushed = push(server, title, texts(names[20:32], round=1))
    found = []
    for _ in range(6):
        mine, other = studio.next(pushed.project), studio.next(pushed.project, bob)
        found += [mine["data"]["alkit_id"], other["data"]["alkit_id"]]
        studio.answer(mine, CLASSES[0])
        studio.answer(other, CLASSES[1], bob)
    assert sorted(found) == names[20:32]
    ledger = Ledger("labels.db")
    added = pull(server, title, ledger, CLASSES).added
    people = {(entry.who.partition("@")[0][:3], entry.label) for entry in added}
    assert people == {("ann", CLASSES[0]), ("bob", CLASSES[1])}


def test_what_people_change_skip_delete_and_empty_is_what_the_ledger_has(studio, server, title):
    names = named(8)
    pushed = push(server, title, texts(names, guesses=["<c>"] * 8, round=5))
    tasks = [studio.next(pushed.project)]
    given = [studio.answer(tasks[0], "<c>")]
    for k in range(1, 6):
        tasks.append(studio.next(pushed.project))
        skip = {"was_cancelled": True} if k == 1 else {}
        given.append(studio.answer(tasks[k], "" if k == 1 else "<c>", **skip))
    studio.answer(studio.next(pushed.project), "wood")
    studio.answer(studio.next(pushed.project), "")
    ledger = Ledger("labels.db")
    found = pull(server, title, ledger, CLASSES)
    assert [entry.sample for entry in found.added] == names[:6]
    assert [entry.label or entry.reason for entry in found.added] == [
        "<c>", "skipped", "<c>", "<c>", "<c>", "<c>"
    ]  # fmt: skip
    assert {(entry.guess, entry.round, entry.seconds) for entry in found.added} == {("<c>", 5, 1.5)}
    assert len(found.refused) == 2
    again = pull(server, title, ledger, CLASSES)
    assert (again.added, again.known, again.undone, len(again.refused)) == ([], 6, [], 2)

    result = [{**given[2]["result"][0], "value": {"choices": ["a & b"]}}]
    studio.ask("PATCH", f"/api/annotations/{given[2]['id']}/", {"result": result})
    studio.ask("PATCH", f"/api/annotations/{given[3]['id']}/", {"result": []})
    studio.ask("DELETE", f"/api/annotations/{given[4]['id']}/")
    studio.ask("DELETE", f"/api/tasks/{tasks[5]['id']}/")
    found = pull(server, title, ledger, CLASSES)
    assert [(entry.sample, entry.label) for entry in found.added] == [(names[2], "a & b")]
    assert [entry.sample for entry in found.undone] == [names[3], names[4]]
    assert {name: e.label for name, e in ledger.current().items()} == {
        names[0]: "<c>", names[1]: None, names[2]: "a & b", names[5]: "<c>"
    }  # fmt: skip
    assert pull(server, title, ledger, CLASSES).undone == []

    address = f"/api/projects/{pushed.project}/export?exportType=JSON"
    with open("export.json", "w") as file:
        json.dump(studio.ask("GET", address), file)
    assert load("export.json", ledger, CLASSES).added == []
    assert len(load("export.json", Ledger("other.db"), CLASSES).added) == 3


def test_images_are_uploaded_once_even_if_a_push_is_stopped(studio, server, title, tmp_path):
    names = named(120)
    for k, name in enumerate(names):
        Image.new("RGB", (40, 30), (2 * k, 90, 30)).save(tmp_path / f"{name}.jpg")
    left = [70]

    def show(name):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return (tmp_path / f"{name}.jpg").read_bytes(), "image/jpeg"

    with pytest.raises(KeyboardInterrupt):
        push(server, title, Batch(names, CLASSES, show))
    left[0] = 1000
    pushed = push(server, title, Batch(names, CLASSES, show))
    assert (total(studio, pushed.project), uploads(studio, pushed.project)) == (120, 120)
    assert pushed.new == 120
    task = studio.next(pushed.project)
    request = Request(studio.url + task["data"]["image"])
    request.add_header("Authorization", f"Token {studio.token}")
    with urlopen(request) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.read() == (tmp_path / f"{names[0]}.jpg").read_bytes()
    assert push(server, title, Batch(names, CLASSES, show)).new == 0
    assert left[0] == 1000 - 120


def test_an_exported_file_is_imported_and_asked_in_its_order(studio, title):
    names = named(12)
    scores = scored(names, 1)
    export("tasks.json", texts(names, scores=list(scores.values()), round=2))
    settings = {"title": title, "label_config": interface(CLASSES, "text")}
    settings["sampling"] = "Uncertainty sampling"
    project = studio.ask("POST", "/api/projects/", settings)["id"]
    upload = Server(studio.url, studio.token).upload
    with open("tasks.json", "rb") as file:
        upload(f"api/projects/{project}/import", [("tasks.json", file.read(), "application/json")])
    assert asked(studio, project, 5) == wanted(scores)[:5]


def test_a_project_made_by_hand_keeps_its_names_and_gets_the_sampling(studio, server, title):
    layout = (
        '<View><Header value="Which?"/><Text name="t" value="$body"/>'
        '<Choices name="kind" toName="t"><Choice value="x"/><Choice value="y"/></Choices></View>'
    )
    project = studio.ask("POST", "/api/projects/", {"title": title, "label_config": layout})["id"]
    pushed = push(server, project, Batch(["b", "a"], ["y", "x"], str, "text", guesses=["x", "y"]))
    assert pushed.project == project
    task = studio.next(project)
    assert task["data"] == {"body": "b", "alkit_id": "b"}
    facts = studio.ask("GET", f"/api/projects/{project}/")
    assert facts["sampling"] == "Uncertainty sampling"


def test_a_project_of_other_classes_gets_nothing(studio, server, title):
    pushed = push(server, title, texts(named(2)))
    with pytest.raises(BridgeError, match="other classes"):
        push(server, title, Batch(["new"], ["x", *CLASSES], str, "text"))
    with pytest.raises(BridgeError, match="labels Text, not image"):
        push(server, title, Batch(["new"], CLASSES, str))
    assert total(studio, pushed.project) == 2


def test_a_personal_token_works_and_wrong_ones_are_reported(studio, title):
    settings = {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True}
    studio.ask("POST", "/api/jwt/settings", settings)
    personal = studio.ask("POST", "/api/token/")["token"]
    assert push(Server(studio.url, personal), title, texts(named(2))).new == 2
    for wrong in ("0" * 40, personal[:-3] + "abc"):
        with pytest.raises(BridgeError, match="refuses the token"):
            pull(Server(studio.url, wrong), title, Ledger("labels.db"))
    with pytest.raises(BridgeError, match=r"does not exist \(404\)"):
        pull(Server(studio.url, personal), 10**6, Ledger("labels.db"))
    with pytest.raises(BridgeError, match=r"something else than JSON|does not exist"):
        pull(Server(f"{studio.url}/user", personal), title, Ledger("labels.db"))


def test_the_page_of_the_docs_works_round_by_round(studio, server):
    page = (ROOT / "docs" / "how-to" / "label_studio.md").read_text(encoding="utf-8")
    names = {"__name__": "page"}
    exec(re.search(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1], names)
    first = names["send"](server, 5)
    batch = asked(studio, first.project, 5, label="bad")
    assert len(names["fetch"](server).added) == 5
    assert names["pool"].labels_of(batch) == [1] * 5
    names["strategy"].fit(max_steps=5, enable_progress_bar=False)
    second = names["send"](server, 5)
    assert (second.project, second.new, second.version) == (first.project, 5, "alkit round 2")
    assert not set(asked(studio, first.project, 5)) & set(batch)


def test_answers_survive_the_project_on_the_server(studio, server, title):
    ledger = Ledger("labels.db")
    pushed = push(server, title, texts(named(3)))
    asked(studio, pushed.project, 2)
    assert len(pull(server, title, ledger).added) == 2
    studio.ask("DELETE", f"/api/projects/{pushed.project}/")
    with pytest.raises(BridgeError, match="no project titled"):
        pull(server, title, ledger)
    again = push(server, title, texts(named(3)))
    assert again.new == 3
    found = pull(server, title, ledger)
    assert (found.added, found.undone, len(ledger.current())) == ([], [], 2)
