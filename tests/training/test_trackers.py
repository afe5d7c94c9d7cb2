import pytest
from lightning.pytorch.loggers import TensorBoardLogger

from training.errors import WandbMissingError
from training.trackers import check_wandb, trackers


def test_tensorboard_is_always_there_and_wandb_only_when_asked_for(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("lightning.pytorch.loggers.WandbLogger", lambda **how: made.append(how) or "wandb")
    (alone,) = trackers(tmp_path / "run", None)
    assert isinstance(alone, TensorBoardLogger)
    assert made == []
    assert trackers(tmp_path / "run", "birds")[1:] == ["wandb"]
    assert made == [{"project": "birds", "name": "run", "save_dir": tmp_path / "run" / "logs"}]


def test_wandb_is_missed_by_name_and_only_when_asked_for(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_wandb(None)
    with pytest.raises(WandbMissingError, match=r"--wandb.*got birds.*pip install wandb") as caught:
        check_wandb("birds")
    assert caught.value.exit_code == 2
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    check_wandb("birds")
