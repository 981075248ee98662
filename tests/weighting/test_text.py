"""Weightings by text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from weighting.trees import TREES, compiled_of, trees

from hierdsl.weighting import (
    coarse_to_fine,
    fine_to_coarse,
    flat,
    hxe,
    level,
    levels,
    muller_smith,
    parse,
    parse_schedule,
)

CAMVID = TREES["camvid"]
FORMS = (
    "muller_smith, flat, hxe(ALPHA), hxe(ALPHA, depth), level(NAME), or a weight for each level such as 1,0.5"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("muller_smith", muller_smith(CAMVID)),
        (" flat ", flat(CAMVID)),
        ("hxe(0.1)", hxe(CAMVID, 0.1)),
        ("hxe( .5 )", hxe(CAMVID, 0.5)),
        ("hxe(0.1, height)", hxe(CAMVID, 0.1)),
        ("hxe(0.1,depth)", hxe(CAMVID, 0.1, "depth")),
        ("level(kind)", level(CAMVID, "kind")),
        ("level( kind )", level(CAMVID, "kind")),
        ("level(2)", level(CAMVID, "class")),
        ("0.5,1,2", levels(CAMVID, [0.5, 1, 2])),
        ("-1, 0 ,1e1", levels(CAMVID, [-1, 0, 10])),
    ],
)
def test_what_a_text_means(text, expected):
    found = parse(text, CAMVID)
    assert found.name == expected.name
    assert np.array_equal(found.factors, expected.factors)
    assert np.array_equal(parse_schedule(text, CAMVID)(0.5).factors, expected.factors)


@pytest.mark.parametrize(
    ("text", "make", "preset"),
    [
        ("coarse_to_fine", coarse_to_fine, muller_smith(CAMVID)),
        ("fine_to_coarse", fine_to_coarse, muller_smith(CAMVID)),
        ("coarse_to_fine(flat)", coarse_to_fine, flat(CAMVID)),
        ("fine_to_coarse( hxe(0.1, depth) )", fine_to_coarse, hxe(CAMVID, 0.1, "depth")),
        ("coarse_to_fine(level(kind))", coarse_to_fine, level(CAMVID, "kind")),
        ("coarse_to_fine(1,2,3)", coarse_to_fine, levels(CAMVID, [1, 2, 3])),
    ],
)
def test_what_the_text_of_a_schedule_means(text, make, preset):
    found, expected = parse_schedule(text, CAMVID), make(preset, CAMVID)
    assert found.name == expected.name
    for t in (0, 0.4, 1):
        assert np.array_equal(found(t).factors, expected(t).factors)


@given(trees, st.data())
def test_a_name_is_read_as_what_it_names(compiled, data):
    weighting = data.draw(
        st.sampled_from(
            [
                muller_smith(compiled),
                flat(compiled),
                hxe(compiled, 0.123456789),
                hxe(compiled, 1e-7, "depth"),
                level(compiled, data.draw(st.sampled_from(compiled.level_names))),
                levels(compiled, np.arange(compiled.num_levels) - 0.25),
            ]
        )
    )
    for text in (weighting.name, f"coarse_to_fine({weighting.name})"):
        found = parse_schedule(text, compiled)
        assert found.name == text
        assert np.array_equal(found.preset.factors, weighting.factors)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hxee(0.1)", f"there is no weighting 'hxee(0.1)'; did you mean 'hxe'? They are: {FORMS}"),
        (
            "muller-smith",
            f"there is no weighting 'muller-smith'; did you mean 'muller_smith'? They are: {FORMS}",
        ),
        ("x", f"there is no weighting 'x'; they are: {FORMS}"),
        ("", f"there is no weighting ''; they are: {FORMS}"),
        ("hxe", "hxe needs a number, 0 or more, such as hxe(0.1), not ''"),
        ("hxe(a)", "hxe needs a number, 0 or more, such as hxe(0.1), not 'a'"),
        ("hxe(-1)", "alpha of hxe is a number, 0 or more, not -1.0"),
        ("hxe(nan)", "alpha of hxe is a number, 0 or more, not nan"),
        ("hxe(1, width)", "hxe measures height or depth, not 'width': write hxe(1, depth)"),
        ("hxe(0.1", "weighting 'hxe(0.1' lacks its closing bracket"),
        ("flat(1)", "flat takes nothing in brackets: write flat"),
        ("level", "level needs the name of one: level(region); they are: region, kind, class"),
        ("level()", "level needs the name of one: level(region); they are: region, kind, class"),
        ("level(knd)", "there is no level 'knd'; did you mean 'kind'? The levels are: region, kind, class"),
        ("1,2", "2 weights for 3 levels; give one each for region, kind, class"),
        ("1,2,inf", "the weight of a level is a finite number: 1,2,inf"),
        (
            "coarse_to_fine",
            f"coarse_to_fine is a schedule over a training, no weighting; the weightings are: {FORMS}",
        ),
    ],
)
def test_what_a_text_does_not_mean_is_said_with_its_mend(text, message):
    with pytest.raises(ValueError) as caught:
        parse(text, CAMVID)
    assert str(caught.value) == message


def test_what_the_text_of_a_schedule_does_not_mean():
    with pytest.raises(ValueError, match="did you mean 'coarse_to_fine'"):
        parse_schedule("course_to_fine", CAMVID)
    with pytest.raises(ValueError, match="fine_to_coarse is a schedule over a training, no weighting"):
        parse_schedule("coarse_to_fine(fine_to_coarse)", CAMVID)


def test_a_level_may_have_any_name():
    compiled = compiled_of('levels\n    "a (b), c"\n    "2"\ntree\n    x\n        y\n')
    assert parse("level(a (b), c)", compiled).name == "level(a (b), c)"
    assert parse("level(2)", compiled).level_weights(compiled).tolist() == [0, 1]
    assert parse("level(1)", compiled).level_weights(compiled).tolist() == [0, 1]


@given(st.text())
def test_any_text_gives_a_weighting_or_one_sentence(text):
    for read in (parse, parse_schedule):
        try:
            read(text, CAMVID)
        except ValueError as error:
            said = str(error)
        else:
            said = "nothing"
        assert said
