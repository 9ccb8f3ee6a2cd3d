"""Several oracles: majority, unanimity, and the table of their answers."""

import pytest

from alkit.errors import ConfigurationError
from alkit.oracles import Committee, Noisy, Reveal, dawid_skene, krippendorff_alpha

ANSWERS = {  # by sample: majority, tie, unanimous, one unsure, none
    "anna": [0, 0, 2, 1, None],
    "ben": [0, 1, 2, 1, None],
    "eva": [1, 2, 2, None, None],
}


def members():
    return {name: lambda ids, own=own: [own[k] for k in ids] for name, own in ANSWERS.items()}


def test_the_majority_answers_and_a_tie_does_not():
    assert Committee(members())(range(5)) == [0, None, 2, 1, None]
    assert Committee(members(), unanimous=True)(range(5)) == [None, None, 2, None, None]


def test_the_answers_of_all_are_kept_and_asked_for_once():
    committee = Committee(members())
    committee([1, 0])
    committee([0, 3, 3])
    assert sorted(committee.answers, key=str) == sorted(
        [(k, name, own[k]) for k in (0, 1, 3) for name, own in ANSWERS.items()], key=str
    )


def test_a_committee_errs_less_than_its_members(dataset, labels):
    reveal = Reveal(dataset)
    committee = Committee(
        {
            str(rate): Noisy(reveal, rate, classes=3, seed=int(rate * 100))
            for rate in (0.3, 0.2, 0.35)
        }
    )
    answers = committee(range(600))
    right = [y == true for y, true in zip(answers, labels.tolist(), strict=True)]
    assert sum(right) / 600 > 0.78
    assert 0.2 < krippendorff_alpha(committee.answers) < 0.7
    accuracy = dawid_skene(committee.answers).accuracy
    assert max(accuracy, key=accuracy.get) == "0.2"


def test_a_committee_is_of_two_or_more_oracles_by_name():
    for wrong in {}, {"anna": len}, [len, len], None:
        with pytest.raises(ConfigurationError, match="at least two oracles by name"):
            Committee(wrong)
    with pytest.raises(ConfigurationError, match="oracle must be a function"):
        Committee({"anna": len, "ben": 3})
