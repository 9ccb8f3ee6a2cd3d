"""The page in a browser: what is pressed is in the ledger, whatever happens to the server."""

import io
import time

import pytest
from pages import Labeler, Listed, Served, running, wait_until
from PIL import Image

from alkit.page import Answer, Desk, Question, shown
from alkit.page.calls import Calls
from alkit.pool.ledger import Ledger

expect = pytest.importorskip("playwright.sync_api").expect  # waits until it holds

DEAD = 0.12  # seconds in which the keys of a new image do nothing, as in page.js
CLASSES = [f"digit {k}" for k in range(4)]
SCRIPT = """
from pathlib import Path
from pages import Listed
from alkit.page import Desk, serve, shown
from alkit.pool.ledger import Ledger

folder = Path("images")
ledger = Ledger("labels.db")
questions = Listed(sorted(path.name for path in folder.iterdir()))
questions.answered(ledger.entries())
desk = Desk(ledger, {classes}, questions)
taken = serve(desk, lambda name: shown(folder / name), open_browser=False, title="digits"{options})
print(taken, "answers")
"""


def script(options=""):
    return SCRIPT.format(classes=CLASSES, options=options)


def picture(k):
    image = Image.new("L", (28, 28), 6 * k)
    image.putpixel((k % 28, k // 28), 255)
    return image


@pytest.fixture
def folder(tmp_path):
    """A folder with 40 small PNG files."""
    (tmp_path / "images").mkdir()
    for k in range(40):
        picture(k).save(tmp_path / "images" / f"{k:02}.png")
    return tmp_path


def stored(folder):
    """Live answers in the ledger: (sample, label or reason)."""
    live = Ledger(folder / "labels.db").live()
    return sorted((entry.sample, entry.label or entry.reason) for entry in live)


def pressed(*labelers, classes=CLASSES):
    meant = {f"{k + 1}": name for k, name in enumerate(classes)} | {"u": "unsure", "x": "broken"}
    return sorted((name, meant.get(key, key)) for who in labelers for name, key in who.pressed)


@pytest.fixture
def show(tmp_path, open_page):
    """A function that opens a page on questions; with the page, its desk and its labeler."""
    servers, ledger = [], Ledger(tmp_path / "labels.db")

    def show_(
        names, classes=CLASSES, render=None, *, query="", guesses=None, until=None, **options
    ):
        page_options = {name: options.pop(name) for name in ("width", "dark") if name in options}
        questions = Listed(names, guesses)
        desk = Desk(ledger, classes, questions, **options)
        calls = Calls(desk, render or (lambda name: shown(picture(len(name)))), "t", until=until)
        server = running(calls)
        servers.append(server)
        page = open_page(server.__enter__().replace("/#", f"/{query}#"), **page_options)
        page.desk, page.questions, page.labeler = desk, questions, Labeler(page)
        page.stored = lambda: stored(tmp_path)
        return page

    yield show_
    for server in servers:
        server.__exit__(None, None, None)


NAMES = [f"{k}.png" for k in range(12)]


# --- nothing lost, nothing twice ------------------------------------------------------------------


def test_keys_mouse_and_undo_arrive_in_the_ledger(folder, open_page):
    with Served(script(), folder) as served:
        page = open_page(served.url)
        person = Labeler(page)
        for k in range(20):
            person.press("1234ux"[k % 6])
            if k % 5 == 4:
                person.undo()
                person.click(CLASSES[k % 4])
        for _ in range(20):
            person.press("2")
        person.end()
        person.sent()
        assert served.stop() == 0
        assert page.problems == []
        assert {url.split("/")[2] for url in page.requested if url[:5] != "blob:"} == {
            served.url.split("/")[2]
        }
    assert stored(folder) == pressed(person)
    assert len({name for name, _ in person.pressed}) == 40


def test_the_server_is_killed_twice_and_no_answer_is_lost_or_doubled(folder, open_page):
    with Served(script(), folder) as served:
        page = open_page(served.url)
        person = Labeler(page)
        for _ in range(2):
            for k in range(6):
                person.press("1234"[k % 4])
            served.kill()
            for k in range(3):  # those that lie here already
                person.press("4321"[k % 4])
            page.locator(".status.bad").wait_for()
            expect(page.locator(".status")).to_contain_text("answers waiting here")
            served.start()
            person.sent()
        person.press("u")
        person.sent()
        served.kill()
        person.press("1")
        page.locator(".status.bad").wait_for()
        page.close()  # with an answer that only localStorage has
        url = served.start()
        again = Labeler(open_page(url, context=page.context))
        for _ in range(39 - len(person.pressed)):
            again.press("3")
        again.press("x")
        again.end()
        again.sent()
    assert stored(folder) == pressed(person, again)
    assert len(Ledger(folder / "labels.db")) == 40


def test_a_page_continues_after_a_reload_and_undoes_what_came_before(folder, open_page):
    with Served(script(), folder) as served:
        page = open_page(served.url)
        person = Labeler(page)
        for key in "123":
            person.press(key)
        person.sent()
        page.reload()
        person.shown()
        person.undo()
        person.press("x")
        while len(person.pressed) < 40:
            person.press("2")
        person.end()
        person.sent()
    assert stored(folder) == pressed(person)


def test_two_people_and_two_tabs_of_one_never_get_the_same_sample(folder, open_page):
    with Served(script(", person='Ann'"), folder) as served:
        ann = open_page(served.url)
        tab = open_page(served.url, context=ann.context)
        ben = open_page(served.url.replace("/#", "/?as=Ben Ö#"))
        people = [Labeler(page) for page in (ann, tab, ben)]
        expect(ben.locator(".who")).to_have_text("as Ben Ö")
        for k in range(36):
            who = people[k % 3]
            who.page.bring_to_front()
            who.press("1234"[k % 4])
            if k % 7 == 6:
                who.undo()
                who.press("x")
        for who in people:
            who.sent()
    assert stored(folder) == pressed(*people)
    by = {entry.sample: entry.who for entry in Ledger(folder / "labels.db").live()}
    assert len(by) == 36
    assert sum(who == "Ben Ö" for who in by.values()) == 12


def test_keys_are_dead_until_the_sample_has_been_seen(show):
    page = show(NAMES)
    page.labeler.shown()
    start = time.monotonic()
    for _ in range(10):
        page.keyboard.press("1")  # the next image comes at once, and its keys are dead
    page.keyboard.down("2")
    elapsed = time.monotonic() - start  # long on a busy machine
    page.labeler.sent()
    assert 1 <= len(page.stored()) <= 2 + elapsed // DEAD
    before = len(page.stored())
    page.wait_for_timeout(400)
    for _ in range(5):
        page.keyboard.down("2")  # held down: the browser repeats it
    page.wait_for_timeout(400)
    assert len(page.stored()) == before


def test_an_answer_that_comes_too_late_is_refused_in_words_and_the_page_continues(show):
    page = show(NAMES, query="?as=Ann")
    page.labeler.shown()
    ben = page.desk.seat("Ben", "1")
    page.desk.answer(ben, [Answer(Question("0.png"), "late", "digit 3")])
    page.labeler.press("1")
    page.locator(".status", has_text="Not stored: 0.png was answered by Ben meanwhile.").wait_for()
    page.labeler.press("2")
    page.labeler.undo()
    page.labeler.press("3")
    page.labeler.sent()
    assert page.stored() == [("0.png", "digit 3"), ("1.png", "digit 2")]


def test_a_sample_that_another_answers_meanwhile_disappears(show):
    page = show(NAMES, query="?as=Ann", lease=1.5)
    assert page.labeler.shown() == "0.png"
    page.desk.answer(page.desk.seat("Ben", "1"), [Answer(Question("0.png"), "late", "digit 3")])
    page.locator(".status", has_text="0.png was answered by another person").wait_for()
    assert page.labeler.shown() == "1.png"


def test_people_who_disagree_see_the_sample_again_with_a_note(show):
    page = show(NAMES[:2], query="?as=Ann", votes=2)
    ben = page.desk.seat("Ben", "1")
    page.labeler.press("1")
    page.labeler.press("1")
    page.labeler.end()
    page.labeler.sent()
    for name, label in (("0.png", "digit 0"), ("1.png", "digit 1")):
        page.desk.answer(ben, [Answer(Question(name), f"ben {name}", label)])
    assert page.labeler.shown() == "1.png"
    expect(page.locator(".note")).to_contain_text("answered differently")
    page.labeler.press("2")
    page.labeler.end()
    expect(page.locator(".end")).to_contain_text("All labeled")


# --- the model's guess, many classes, many samples ------------------------------------------------


def test_the_guess_is_hidden_until_asked_for_and_the_ledger_has_whether_it_was_shown(show):
    guesses = dict.fromkeys(NAMES[1:], ("digit 2", 0.934))
    page = show(NAMES, guesses=guesses)
    page.labeler.press("1")
    page.labeler.shown()
    assert "digit 2" not in page.locator(".about").inner_text()
    page.labeler.press("1")
    page.labeler.shown()
    page.keyboard.press("g")
    expect(page.locator(".about")).to_have_text("2.png · guess: digit 2 (93\xa0%)")
    expect(page.locator(".choices .guessed")).to_contain_text("digit 2")
    page.keyboard.press("g")  # seen is seen
    page.labeler.press("1")
    page.labeler.press("1")
    page.labeler.sent()
    shown_ = {entry.sample: entry.guess_shown for entry in page.desk.ledger.live()}
    assert shown_ == {"0.png": None, "1.png": False, "2.png": True, "3.png": False}


def test_many_samples_of_a_guessed_class_are_confirmed_at_once_and_undone_at_once(show):
    guesses = dict.fromkeys(NAMES[7:], ("digit 1", 0.9))
    page = show(NAMES, guesses=guesses)
    page.labeler.shown()
    page.keyboard.press("m")
    page.get_by_label("Class", exact=True).select_option("digit 1")
    page.locator('.cell[data-sample="8.png"]').click()
    page.get_by_role("button", name="Confirm 4 as digit 1").click()
    page.locator(".many .hint", has_text="no other sample").wait_for()
    page.labeler.sent()
    assert page.stored() == [(f"{k}.png", "digit 1") for k in (10, 11, 7, 9)]
    assert all(entry.guess_shown for entry in page.desk.ledger.live())
    page.keyboard.press("Escape")
    page.labeler.shown()
    page.keyboard.press("z")
    page.locator(".status", has_text="Undone: 4 answers").wait_for()
    page.labeler.sent()
    assert page.stored() == []
    assert page.labeler.shown() == "7.png"
    page.labeler.press("u")
    page.labeler.sent()
    assert page.stored() == [("7.png", "unsure")]


def test_classes_that_are_digits_have_themselves_as_keys(show):
    classes = list("0123456789")
    page = show(NAMES, classes)
    for key in "0907":
        page.labeler.press(key)
    page.labeler.sent()
    labels = dict(page.labeler.pressed)
    entries = page.desk.ledger.current()
    assert {name: entry.label for name, entry in entries.items()} == labels


def test_a_class_among_5000_is_found_by_typing(show):
    classes = [f"species {k}" for k in range(4999)] + ["zebra"]
    page = show(NAMES, classes)
    page.labeler.shown()
    page.keyboard.type("species 4321")
    page.keyboard.press("Enter")
    page.labeler.shown()
    page.keyboard.press("/")
    page.keyboard.type("zeb")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.labeler.shown()
    page.keyboard.type("no such")
    expect(page.locator(".options")).to_contain_text("no such class")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.labeler.shown()
    page.keyboard.press("1")  # the last used classes have keys
    page.labeler.sent()
    labels = [label for _, label in page.stored()]
    assert labels[:3] == ["species 4321", "zebra", "unsure"]
    assert labels[3] in ("species 0", "species 4321", "zebra")


def test_zoom_by_key_button_and_click(show):
    page = show(NAMES)
    page.labeler.shown()
    stage = page.locator(".stage")
    page.keyboard.press("+")
    expect(stage).to_have_attribute("data-zoom", "1.5")
    page.get_by_role("button", name="Zoom out").click()
    expect(stage).to_have_attribute("data-zoom", "1")
    stage.click()
    expect(stage).to_have_attribute("data-zoom", "3")
    size = stage.evaluate("stage => stage.scrollWidth / stage.clientWidth")
    assert size == pytest.approx(3, abs=0.05)
    page.labeler.press("1")
    page.labeler.shown()
    expect(stage).to_have_attribute("data-zoom", "1")


# --- texts, sounds, broken samples, names ---------------------------------------------------------


def test_tags_in_names_texts_classes_and_titles_are_shown_as_text(show):
    evil = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    page = show(
        [evil, "b"],
        [evil, "good"],
        lambda name: shown(f"{evil} & more"),
        guesses={evil: (evil, 0.5)},
    )
    page.labeler.shown()
    page.keyboard.press("g")
    expect(page.locator(".text")).to_have_text(f"{evil} & more")
    expect(page.locator(".about")).to_contain_text(evil)
    expect(page.locator(".choices")).to_contain_text(evil)
    page.questions.advice = evil
    page.labeler.press("1")
    page.labeler.sent()
    expect(page.locator(".advice")).to_have_text(evil)
    expect(page.locator("img, script:not([src])")).to_have_count(0)
    assert page.stored() == [(evil, evil)]
    assert page.problems == []


def wav():
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 1, 8000, 800, "NONE", ""))
        sound.writeframes(bytes(800))
    return buffer.getvalue()


def test_sounds_can_be_labeled(show):
    page = show(NAMES, render=lambda name: shown((wav(), "audio/wav")))
    page.labeler.press("1")
    page.labeler.shown()
    expect(page.locator(".stage audio")).to_have_count(1)
    page.labeler.sent()
    assert page.stored() == [("0.png", "digit 0")]


def test_a_sample_that_cannot_be_shown_can_only_be_broken_or_unsure(show):
    def render(name):
        if name == "0.png":
            return shown((b"not an image", "image/png"))
        raise OSError("cut off")

    page = show(NAMES[:2], render=render)
    page.labeler.shown()
    expect(page.locator(".stage")).to_contain_text("not an image")
    page.keyboard.press("1")
    page.locator(".status", has_text="only Unsure or Broken").wait_for()
    page.labeler.press("x")
    page.labeler.shown()
    expect(page.locator(".stage")).to_contain_text("cut off")
    page.labeler.press("u")
    page.labeler.end()
    page.labeler.sent()
    assert page.stored() == [("0.png", "broken"), ("1.png", "unsure")]


# --- progress and ends ----------------------------------------------------------------------------


def test_progress_accuracy_and_time_left_are_shown(show):
    page = show(NAMES)
    page.questions.accuracy = {"value": 0.714, "low": 0.6, "high": 0.8}
    page.questions.advice = "Going on is worth it."
    for key in "12ux1":
        page.labeler.press(key)
    page.labeler.sent()
    page.labeler.shown()
    progress = page.locator(".progress")
    expect(progress).to_contain_text("3 of 12 labeled (1 unsure, 1 broken) · about ")
    expect(page.locator(".accuracy")).to_have_text("accuracy about 0.71 (0.60 to 0.80)")
    expect(page.locator(".advice")).to_have_text("Going on is worth it.")


def test_a_page_waits_for_the_next_batch_and_shows_it_when_it_is_ready(show):
    page = show(NAMES[:6])
    page.questions.names += NAMES[6:]
    page.questions.ready = False
    while page.labeler.shown() != "5.png":
        page.labeler.press("1")
    page.labeler.press("1")
    page.labeler.end("choosing")
    expect(page.locator(".end")).to_contain_text("next batch is being chosen")
    page.questions.ready = True
    assert page.labeler.shown() == "6.png"


def test_the_end_states_who_has_the_last_samples(show):
    page = show(NAMES[:3], query="?as=Ann")
    page.labeler.shown()
    page.desk.release(page.desk.seat("Ann", ""))
    page.questions.names.append("last.png")
    page.desk.take(page.desk.seat("Ben", "1"), 1)
    for _ in range(3):
        page.labeler.press("1")
    page.labeler.end("held")
    page.desk.release(page.desk.seat("Ben", "1"))
    assert page.labeler.shown() == "last.png"


def test_a_page_ends_after_a_number_of_answers_of_which_the_last_can_be_undone(folder, open_page):
    with Served(script(", until=5"), folder) as served:
        page = open_page(served.url)
        person = Labeler(page)
        for _ in range(5):
            person.press("1")
        person.end("enough")
        person.undo()
        time.sleep(3.5)  # longer than the pause after which the server ends
        person.press("2")
        person.end("enough")
        assert served.running.wait(timeout=20) == 0
        assert "5 answers" in served.running.stdout.read()
        page.wait_for_timeout(1000)
        assert "gone" not in page.locator(".alkit").inner_text()
    assert stored(folder) == pressed(person)


def test_a_wrong_token_is_explained(show, open_page):
    url = show(NAMES).url
    page = open_page(url.replace("#secret", "#wrong"))
    Labeler(page).end("stopped")
    expect(page.locator(".end")).to_contain_text("Open the address that alkit has printed")


# --- for everybody --------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1300, 390])
def test_each_state_passes_axe_and_fits_its_width(show, width, dark):
    from axe_playwright_python.sync_playwright import Axe

    guesses = dict.fromkeys(NAMES, ("class 3", 0.9))
    page = show(NAMES, [f"class {k}" for k in range(70)], guesses=guesses, width=width, dark=dark)
    page.questions.accuracy = {"value": 0.7, "low": 0.6, "high": 0.8}
    page.questions.advice = "Going on is worth it: " + "longword" * 8

    def check(state):
        session = page.context.new_cdp_session(page)
        session.send("Page.setBypassCSP", {"enabled": True})
        found = Axe().run(page)
        problems = [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]]
        assert problems == [], state
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state

    page.labeler.press("1")
    page.labeler.shown()
    page.locator("summary").click()
    page.get_by_role("button", name="Show guess").click()
    check("one sample")
    page.keyboard.type("class 2")
    check("finding a class")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Confirm many").click()
    page.get_by_label("Class", exact=True).select_option("class 3")
    page.locator(".cell").first.click()
    check("many samples")
    page.keyboard.press("Escape")
    page.labeler.shown()
    page.questions.names = page.questions.names[:2]
    page.reload()
    page.labeler.press("1")
    page.labeler.end()
    check("the end")


def test_everything_is_reached_by_tab_and_its_focus_is_seen(show):
    page = show(NAMES, [f"class {k}" for k in range(12)])
    page.labeler.shown()
    wanted = {
        "Show guess",
        "Confirm many",
        "+",
        "\N{MINUS SIGN}",
        "1class 0",
        "class 11",
        "uUnsure",
        "xBroken",
        "zUndo",
        "Keys",
    }
    seen, outlines = set(), set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent"))
        outlines.add(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        if wanted <= seen:
            break
    assert wanted <= seen, wanted - seen
    assert outlines == {"solid"}


def test_the_next_image_comes_within_30_ms_of_the_key(show):
    page = show([f"{k}.png" for k in range(60)])
    page.evaluate(
        """() => {
            window.times = [];
            const stage = document.querySelector(".stage");
            let began = 0;
            addEventListener("keydown", () => { began = performance.now(); }, true);
            new MutationObserver(() => times.push(performance.now() - began))
                .observe(stage, { attributes: true, attributeFilter: ["data-sample"] });
        }"""
    )
    for _ in range(50):
        page.labeler.press("1")
    page.labeler.sent()
    times = sorted(page.evaluate("window.times"))
    print(f"key to next image: p50 {times[25]:.1f}, p95 {times[47]:.1f} ms")
    wait_until(lambda: len(page.stored()) == 50)
    assert times[25] < 30
