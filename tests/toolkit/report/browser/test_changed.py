"""Changed images are browsed by model, by kind of change and by move from class to class."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image
from support.results_of import changed_answers, comparisons, evaluations, number_of

FULL = "model-int8-full.tflite"
FIGURES = ".changed figure.flip"


def shown(page) -> list[int]:
    return page.locator(f"{FIGURES} img").evaluate_all("found => found.map(one => Number(one.dataset.image))")


def numbers(answers) -> list[int]:
    return [answer["images"] for answer in answers]


def test_the_surest_come_first_sixty_at_a_time_until_all_are_there(tiny, tiny_run):
    expected = numbers(changed_answers(tiny_run, FULL))
    tiny.locator("select.pick").select_option(label=FULL)
    assert len(expected) > 120
    assert shown(tiny) == expected[:60]
    more = tiny.get_by_role("button", name="Show more")
    while more.is_visible():
        before = len(shown(tiny))
        more.click()
        assert shown(tiny) == expected[: before + 60]
    assert shown(tiny) == expected
    assert f"{len(expected)} of {len(expected)} shown" in tiny.locator(".changed .count").inner_text()


def test_a_single_changed_answer_is_not_said_to_be_several(tiny):
    kinds = {"worse": 0, "better": 1, "wrong": 0}
    run = {"changes": [None, {"kinds": kinds}], "models": ["model.keras", "model.onnx"], "opens": [1, ""]}
    told = tiny.evaluate("run => whichText(run, 1, 1)[1]", run)
    assert told == ": 1 answer changed, 0 worse, 1 better, 0 wrong to wrong."


def test_every_move_has_its_count_and_its_images(tiny, tiny_run):
    labels = evaluations(tiny_run)[FULL]["labels"]
    tiny.locator("select.pick").select_option(label=FULL)
    answers = changed_answers(tiny_run, FULL)
    pairs = comparisons(tiny_run)[FULL]["changes"]["pairs"]
    options = tiny.locator(".changed .pairs option").all_inner_texts()
    assert options[1:] == [
        f"{labels[pair['reference']]} → {labels[pair['candidate']]} ({pair['images']})" for pair in pairs
    ]
    for pair, option in zip(pairs, options[1:], strict=True):
        tiny.locator(".changed .pairs").select_option(label=option)
        moved = [
            answer
            for answer in answers
            if (answer["reference"], answer["candidate"]) == (pair["reference"], pair["candidate"])
        ]
        assert len(moved) == pair["images"]
        assert shown(tiny) == numbers(moved)[:60]


def test_every_kind_of_change_has_its_count_and_its_images(tiny, tiny_run):
    tiny.locator("select.pick").select_option(label=FULL)
    answers, counts = changed_answers(tiny_run, FULL), comparisons(tiny_run)[FULL]["answers"]
    kinds = {
        "worse": [one for one in answers if one["reference"] == one["true"]],
        "better": [one for one in answers if one["candidate"] == one["true"]],
        "wrong": [one for one in answers if one["true"] not in (one["reference"], one["candidate"])],
    }
    for kind, key in (("worse", "worse"), ("better", "better"), ("wrong", "wrong_to_wrong")):
        option = tiny.locator(f".changed .kinds option[value={kind}]")
        assert f"({counts[key]})" in option.inner_text()
        tiny.locator(".changed .kinds").select_option(kind)
        assert shown(tiny) == numbers(kinds[kind])[:60]
        assert tiny.locator(f"{FIGURES}.{kind}").count() == tiny.locator(FIGURES).count()


def test_a_figure_says_both_answers_with_margins_and_the_true_class(tiny, tiny_run):
    labels = evaluations(tiny_run)[FULL]["labels"]
    tiny.locator("select.pick").select_option(label=FULL)
    answer = changed_answers(tiny_run, FULL)[0]
    caption = tiny.locator(FIGURES).first.inner_text()
    for said in (
        f"was {labels[answer['reference']]} {answer['reference_margin']:.3f}",
        f"now {labels[answer['candidate']]} {answer['candidate_margin']:.3f}",
        f"is {labels[answer['true']]}, no. {answer['images']}",
    ):
        assert said in caption


def test_the_pictures_are_those_of_the_data_set(tiny, tiny_run, t10k):
    tiny.locator("select.pick").select_option(label=FULL)
    pictures = tiny.locator(f"{FIGURES} img")
    sources = pictures.evaluate_all("found => found.map(one => [Number(one.dataset.image), one.src])")
    assert len(sources) == 60
    for number, source in sources:
        picture = Image.open(io.BytesIO(base64.b64decode(source.partition("base64,")[2])))
        assert np.array_equal(np.asarray(picture), t10k.images[number])
    widths = pictures.evaluate_all("found => found.map(one => one.complete && one.naturalWidth)")
    assert set(widths) == {28}


def test_with_no_model_picked_it_is_the_one_to_ship_or_that_which_changed_the_most_and_says_so(
    tiny, tiny_run
):
    text = tiny.locator(".changed .which").inner_text()
    name = tiny.locator(".changed .which code").inner_text()
    ship = tiny.locator(".decision h2 code").inner_text()
    if changed_answers(tiny_run, ship):
        assert name == ship
        assert "the artifact to ship" in text
    else:
        assert name == FULL  # of the tiny run
        assert "the artifact with the most changed answers" in text
    assert shown(tiny) == numbers(changed_answers(tiny_run, name))[:60]


def test_a_model_that_changed_nothing_shows_nothing_and_says_so(tiny, tiny_run):
    tiny.locator("select.pick").select_option(number_of(tiny_run, "model-float32.npz"))
    assert shown(tiny) == []
    assert "gives the same answers as the original" in tiny.locator(".changed .which").inner_text()
    assert not tiny.get_by_role("button", name="Show more").is_visible()


def test_without_the_data_set_the_answers_stand_in_a_table_and_the_page_says_what_to_type(
    show, page_without_images, tiny_run
):
    page = show(page_without_images)
    said = page.locator(".changed .gap").inner_text()
    assert "fashion-mnist: no folder holds t10k-images-idx3-ubyte[.gz]" in said
    assert f"fmnist report {tiny_run} --data-dir FOLDER" in said
    page.locator("select.pick").select_option(label=FULL)
    rows = page.locator(".changed tbody tr")
    assert page.locator(".changed img").count() == 0
    expected = changed_answers(tiny_run, FULL)
    assert rows.locator(".image").all_inner_texts() == [str(number) for number in numbers(expected)[:60]]
    page.locator(".changed .kinds").select_option("better")
    better = [one for one in expected if one["candidate"] == one["true"]]
    assert rows.locator(".image").all_inner_texts() == [str(number) for number in numbers(better)[:60]]
