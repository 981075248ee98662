"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import hierdsl

MODULES = [
    module.name
    for module in pkgutil.walk_packages(hierdsl.__path__, "hierdsl.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
