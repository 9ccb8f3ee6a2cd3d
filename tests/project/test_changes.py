from alkit.project.changes import Changes


def test_the_text_has_a_line_for_each_kind_of_change_and_a_few_names():
    changes = Changes(
        total=2000,
        new=["n"],
        moved={"a": "b"},
        changed=[],
        missing=[f"m{number}.png" for number in range(1234)],
        duplicates=[["x", "y"]],
        look_alikes=[["e\u0301", "\u00e9"]],
        problems={"bad.png": "its name is not UTF-8."},
    )
    assert str(changes).split("\n") == [
        "2,000 samples, 1 of them new.",
        "1 moved or renamed; their labels went with them: a -> b.",
        "1,234 missing: their labels are kept, and they are not asked for: m0.png, m1.png, m2.png "
        "and 1,231 more.",
        "1 there more than once, with the same content: x = y.",
        r"1 under names that look the same; rename all but one: 'e\u0301' and '\xe9'.",
        "1 left out: bad.png: its name is not UTF-8.",
    ]
