"""Weightings and schedules as one writes them: `hxe(0.1)`, `level(kind)`, `0.5,1,2`, `coarse_to_fine(flat)`."""

from typing import get_args

from hierdsl.compiler import CompiledHierarchy, check_compiled
from hierdsl.diagnostics import nearest
from hierdsl.weighting.presets import Measure, flat, hxe, level, levels, muller_smith
from hierdsl.weighting.schedule import Schedule, coarse_to_fine, constant, fine_to_coarse
from hierdsl.weighting.weighting import Weighting

PRESETS = ("muller_smith", "flat", "hxe", "level")
SCHEDULES = ("coarse_to_fine", "fine_to_coarse")

_FORMS = (
    "muller_smith, flat, hxe(ALPHA), hxe(ALPHA, depth), level(NAME), or a weight for each level such as 1,0.5"
)
_SCHEDULE_FORMS = "coarse_to_fine(PRESET), fine_to_coarse(PRESET)"


def parse(text: str, compiled: CompiledHierarchy) -> Weighting:
    """The weighting that a text means.

    Args:
        text: `muller_smith`, `flat`, `hxe(ALPHA)`, `hxe(ALPHA, depth)`, `level(NAME)`, or one number a level, joined
            by commas.
        compiled: The hierarchy.

    Raises:
        ValueError: It means none; the message lists the forms, and names the nearest one.

    Example:
        >>> import hierdsl
        >>> camvid = hierdsl.compile_hierarchy(hierdsl.load("camvid"))
        >>> parse("0.5,1,2", camvid).level_weights(camvid)
        array([0.5, 1. , 2. ])
        >>> parse("hxe(.10)", camvid).name
        'hxe(0.1)'
    """
    head, arguments = _call(text)
    if head in SCHEDULES:
        raise ValueError(f"{head} is a schedule over a training, no weighting; the weightings are: {_FORMS}")
    return _preset(text, head, arguments, compiled, _FORMS, PRESETS)


def parse_schedule(text: str, compiled: CompiledHierarchy) -> Schedule:
    """The schedule that a text means; a weighting alone is one that stays.

    Args:
        text: `coarse_to_fine` or `fine_to_coarse`, alone or with the preset of the end in brackets (muller_smith if
            alone), or what `parse` takes.
        compiled: The hierarchy.

    Raises:
        ValueError: It means none; the message lists the forms, and names the nearest one.

    Example:
        >>> import hierdsl
        >>> camvid = hierdsl.compile_hierarchy(hierdsl.load("camvid"))
        >>> parse_schedule("coarse_to_fine(flat)", camvid)(0).level_weights(camvid)
        array([1., 0., 0.])
        >>> parse_schedule("coarse_to_fine", camvid)(1).level_weights(camvid)
        array([1., 1., 1.])
    """
    head, arguments = _call(text)
    if head not in SCHEDULES:
        forms = f"{_FORMS}; or over a training {_SCHEDULE_FORMS}"
        return constant(_preset(text, head, arguments, compiled, forms, (*PRESETS, *SCHEDULES)))
    preset = muller_smith(compiled) if arguments is None else parse(arguments, compiled)
    return (coarse_to_fine if head == "coarse_to_fine" else fine_to_coarse)(preset, compiled)


def _call(text: str) -> tuple[str, str | None]:
    """The word, and what stands in the brackets behind it, None without any."""
    head, bracket, rest = text.partition("(")
    if not bracket:
        return head.strip(), None
    body = rest.rstrip()
    if not body.endswith(")"):
        raise ValueError(f"weighting '{text}' lacks its closing bracket")
    return head.strip(), body[:-1]


def _preset(
    text: str,
    head: str,
    arguments: str | None,
    compiled: CompiledHierarchy,
    forms: str,
    words: tuple[str, ...],
) -> Weighting:
    check_compiled(compiled)
    if head in ("muller_smith", "flat"):
        if arguments is not None:
            raise ValueError(f"{head} takes nothing in brackets: write {head}")
        return muller_smith(compiled) if head == "muller_smith" else flat(compiled)
    if head == "hxe":
        return _hxe(arguments, compiled)
    if head == "level":
        if arguments is None or not arguments:
            names = ", ".join(compiled.level_names)
            raise ValueError(
                f"level needs the name of one: level({compiled.level_names[0]}); they are: {names}"
            )
        return level(compiled, arguments)
    numbers = _numbers(text)
    if numbers is not None:
        return levels(compiled, numbers)
    close = nearest(head, words)
    mend = f"; did you mean '{close}'? They" if close else "; they"
    raise ValueError(f"there is no weighting '{text}'{mend} are: {forms}")


def _hxe(arguments: str | None, compiled: CompiledHierarchy) -> Weighting:
    alpha, _, measure = (part.strip() for part in (arguments or "").partition(","))
    measure = measure or "height"
    numbers = _numbers(alpha)
    if numbers is None:
        raise ValueError(f"hxe needs a number, 0 or more, such as hxe(0.1), not '{alpha}'")
    for known in get_args(Measure):
        if measure == known:
            return hxe(compiled, numbers[0], known)
    raise ValueError(f"hxe measures height or depth, not '{measure}': write hxe({alpha}, depth)")


def _numbers(text: str) -> list[float] | None:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return None
