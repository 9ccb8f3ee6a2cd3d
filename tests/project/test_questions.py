from alkit.pool.ledger import Entry
from alkit.project.learning import Learner
from alkit.project.questions import ProjectQuestions
from alkit.project.tally import Tally


def asked(project):
    learner = Learner(project._asking, refresh=project.pool.refresh, every=1)
    tally = Tally(project.features.names, project.ledger.entries())
    return ProjectQuestions(project.features.names, learner, tally), learner


def test_questions_are_named_and_answered_ones_are_not_asked_again(points):
    project = points.project()
    questions, learner = asked(project)
    with learner:
        assert learner.wait(60)
        first = questions.ask(3, leave_out=())
        assert all(each.name in points.names and each.why for each in first)
        assert first[0].name not in [q.name for q in questions.ask(9, [first[0].name, "other"])]
        entries = project.ledger.add([Entry(first[0].name, label="cat", why=first[0].why)])
        questions.answered(entries)
        assert first[0].name not in [q.name for q in questions.ask(60, ())]
        assert questions.facts()["labeled"] == 1
        questions.answered(project.ledger.undo(entries[0].uid))
        assert questions.facts() | {"advice": ""} == {
            "labeled": 0, "unsure": 0, "broken": 0, "total": 60, "accuracy": None, "advice": "",
        }  # fmt: skip


def test_likely_samples_are_those_the_model_is_most_certain_about(points):
    project = points.project()
    project.annotate(range(30), points.oracle(range(30)))
    questions, learner = asked(project)
    with learner:
        assert learner.wait(60)
        likely = questions.likely("owl", 5, ())
        assert 0 < len(likely) <= 5
        assert {each.guess for each in likely} == {"owl"}
        sure = [each.certainty for each in likely]
        assert sure == sorted(sure, reverse=True)
        assert questions.likely("cow", 5, ()) == []
        assert likely[0] not in questions.likely("owl", 5, [likely[0].name])


def test_a_training_that_fails_is_said_and_questions_go_on(points):
    project = points.project()
    project.annotate(range(10), points.oracle(range(10)))
    project._asking.training["no_such_argument"] = 1
    questions, learner = asked(project)
    with learner:
        assert learner.wait(60)
        assert questions.ask(1, ())
        assert "could not be trained" in questions.facts()["advice"]
