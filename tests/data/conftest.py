import pytest


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """File names in messages are then short."""
    monkeypatch.chdir(tmp_path)
