"""Order of the audit: uniform, the same for any order of the files, and stable."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.project.order import AuditOrder, AuditShare

NAMES = st.lists(st.text(max_size=8), min_size=1, max_size=30, unique=True)
SEEDS = st.integers(0, 2**63 - 1)


def named(order, names):
    return [names[k] for k in order.samples.tolist()]


@settings(max_examples=40)
@given(NAMES, SEEDS, st.randoms())
def test_the_order_is_the_same_in_whatever_order_the_files_come(names, seed, random):
    shuffled = random.sample(names, len(names))
    assert named(AuditOrder(names, seed), names) == named(AuditOrder(shuffled, seed), shuffled)


@settings(max_examples=40)
@given(NAMES, SEEDS, st.data())
def test_removed_and_new_samples_leave_the_others_in_their_order(names, seed, data):
    kept = data.draw(st.lists(st.sampled_from(names), unique=True))
    whole = named(AuditOrder(names, seed), names)
    assert named(AuditOrder(kept, seed), kept) == [name for name in whole if name in kept]


def test_every_order_of_four_samples_is_equally_likely():
    names = ["a.png", "b/a.png", "b/b.png", "c.png"]
    counts = Counter(tuple(AuditOrder(names, seed).samples.tolist()) for seed in range(4800))
    found = [counts[order] for order in permutations(range(4))]
    assert stats.chisquare(found).pvalue > 1e-3


def test_a_prefix_is_a_uniform_sample():
    names = [f"{k}.png" for k in range(50)]
    counts = np.zeros(50)
    for seed in range(2000):
        counts[AuditOrder(names, seed).samples[:10]] += 1
    # each sample is in a prefix with probability 1/5, and the counts sum to 10 per seed
    statistic = ((counts - 400) ** 2 / (400 * 0.8)).sum() * 49 / 50
    assert stats.chi2.sf(statistic, 49) > 1e-3


def test_new_samples_are_inserted_at_uniform_places():
    old = [f"{k}.png" for k in range(9)]
    places = [
        int(np.flatnonzero(AuditOrder([*old, "new.png"], seed).samples == 9)[0])
        for seed in range(3000)
    ]
    assert stats.chisquare(np.bincount(places, minlength=10)).pvalue > 1e-3


@given(st.integers(1, 40), SEEDS, st.data())
def test_the_audit_set_ends_before_the_first_sample_without_an_answer(n, seed, data):
    order = AuditOrder([str(k) for k in range(n)], seed)
    some = st.lists(st.integers(0, n - 1), unique=True)
    answered, out = data.draw(some), data.draw(some)
    answered = [k for k in answered if k not in out]
    labeled, passed = [], 0
    for k in order.samples.tolist():
        if k in out:
            passed += 1
        elif k in answered:
            labeled.append(k)
        else:
            break
    found = order.prefix(np.array(answered, dtype=int), out)
    assert (found.samples.tolist(), found.passed_over) == (labeled, passed)
    gone = {*answered, *out}
    asked = [k for k in order.samples.tolist() if k not in gone]
    assert order.next(3, gone).tolist() == asked[:3]
    assert order.next(2, gone, asked[:1]).tolist() == asked[1:3]


def test_the_audit_is_unbiased_when_chosen_samples_count_for_free():
    """Chosen samples are the even ones, so the true share of even samples is a half.

    The audit asks for the next one in the order, after every 2 chosen samples. Ending the set
    after the last labeled sample, or with the chosen ones left out, would be biased.
    """
    n, shares = 40, []
    names = [f"{k}.png" for k in range(n)]
    for seed in range(1500):
        order, labeled = AuditOrder(names, seed), []
        chosen = np.random.default_rng(seed).permutation(np.arange(0, n, 2)).tolist()
        for _ in range(5):
            for _ in range(2):
                while chosen and chosen[-1] in labeled:
                    chosen.pop()
                labeled.append(chosen.pop())
            labeled.extend(order.next(1, labeled).tolist())
        shares.append((order.prefix(labeled).samples % 2 == 0).mean())
    error = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.5) < 3.5 * error
    assert error < 0.007


@given(st.sampled_from([0, 0.05, 0.2, 0.25, 0.3, 1 / 3, 0.5, 0.75, 1]), SEEDS, st.data())
def test_the_share_is_met_in_every_row_of_batches(share, seed, data):
    places, answers, audits = AuditShare(share, seed), 0, 0
    for n in data.draw(st.lists(st.integers(1, 12), max_size=25)):
        found = places.places(n, answers, audits)
        assert found == sorted(set(found))
        assert all(0 <= place < n for place in found)
        answers, audits = answers + n, audits + len(found)
        assert np.floor(answers * share - 1e-9) <= audits <= np.ceil(answers * share + 1e-9)
        assert audits == places.due(answers)


def test_audit_samples_come_at_uniform_places_of_a_batch():
    counts = np.zeros(5)
    for seed in range(1500):
        counts[AuditShare(0.2, seed).places(5, 0, 0)] += 1
    assert counts.sum() == 1500
    assert stats.chisquare(counts).pvalue > 1e-3


def test_audit_samples_that_were_not_answered_are_asked_later():
    share = AuditShare(0.2, 7)
    assert len(share.places(10, 100, 20)) == 2
    assert len(share.places(10, 100, 17)) == 5
    assert len(share.places(10, 100, 21)) == 1
    assert share.places(10, 100, 40) == []
    assert share.places(3, 100, 0) == [0, 1, 2]


def test_wrong_names_positions_and_shares_are_refused():
    with pytest.raises(ConfigurationError, match="'a' appears twice"):
        AuditOrder(["a", "b", "a"], 0)
    with pytest.raises(ConfigurationError, match="texts"):
        AuditOrder(["a", 1], 0)  # type: ignore[list-item]
    for wrong in ([3], [-1], [0.5]):
        with pytest.raises(SampleIndexError, match="from 0 to 2"):
            AuditOrder(["a", "b", "c"], 0).next(1, wrong)
    for share in (-0.1, 1.1, float("nan"), "0.2"):
        with pytest.raises(ConfigurationError, match="share"):
            AuditShare(share, 0)  # type: ignore[arg-type]
