"""Every case that fuzzing found, or that guards a law of laws.py: found/TARGET-NAME holds the bytes."""

from pathlib import Path

import laws
import pytest

FOUND = sorted(Path(__file__).with_name("found").iterdir())


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.name)
def test_the_laws_hold_for_what_was_found(case):
    getattr(laws, case.name.partition("-")[0])(case.read_bytes())
