from alkit.naming import close, likely


def test_near_spellings_are_proposed_nearest_first():
    assert close("in_feature", ["out_features", "bias", "in_features"]) == [
        "in_features",
        "out_features",
    ]
    assert likely("biass", ["weight", "bias"]) == ". Did you mean 'bias'?"


def test_without_a_near_spelling_all_names_are_given():
    assert likely("zzz", ["weight", "bias", "bias"]) == "; there is weight, bias."
    assert likely("zzz", []) == "."
