import pytest
import torch


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Runs without --out make `runs/` where the user stands."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="session")
def in_little_time():
    """One thread; and worker processes of a run that was stopped are waited for 0.2 s, not 5 s."""
    torch.set_num_threads(1)
    torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL = 0.2
