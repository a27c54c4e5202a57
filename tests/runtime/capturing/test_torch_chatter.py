"""What torch says while it traces is held back, and nothing else is."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from joulecut_runtime.capturing.torch_chatter import without_chatter

_TORCH = "torch.export"


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def kept() -> Iterator[_Kept]:
    """A handler on one of torch's loggers."""
    handler, logger = _Kept(), logging.getLogger(_TORCH)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def _log(message: str, name: str = _TORCH) -> None:
    logging.getLogger(name).error(message)


def test_other_loggers_of_a_handler_go_on(kept: _Kept) -> None:
    """A handler of torch's that an application shares goes on serving the application."""
    mine = logging.getLogger("tests.not_torch")
    mine.addHandler(kept)
    try:
        with without_chatter():
            _log("mine", "tests.not_torch")
            _log("torch's")
    finally:
        mine.removeHandler(kept)
    assert kept.messages == ["mine"]


def test_loggers_are_silent_and_restored(kept: _Kept) -> None:
    """Also what a logger made meanwhile hands on; as before afterwards, also when the block fails."""

    def fail() -> None:
        _log("inside")
        _log("of a new one", f"{_TORCH}.made.meanwhile")
        raise KeyError

    with pytest.raises(KeyError), without_chatter():
        fail()
    _log("after")
    assert kept.messages == ["after"]


def test_other_threads_go_on(kept: _Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """Another thread logs and prints as if nothing were."""

    def other() -> None:
        _log("elsewhere")
        sys.stderr.write("progress\n")

    with without_chatter():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert kept.messages == ["elsewhere"]
        assert capsys.readouterr().err == "progress\n"


def test_standard_error(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """What a module prints appears when tracing ends well; after a failure it is a debug message."""
    with without_chatter():
        sys.stderr.write("mine\n")
    assert capsys.readouterr().err == "mine\n"
    caplog.set_level(logging.DEBUG, "joulecut_runtime.capturing.torch_chatter")

    def fail() -> None:
        sys.stderr.write("half a graph\n")
        raise KeyError

    with pytest.raises(KeyError), without_chatter():
        fail()
    assert capsys.readouterr().err == ""
    assert "half a graph" in caplog.text


def test_warnings() -> None:
    """Torch's of itself are held back; a module's own are its user's business."""
    with without_chatter():
        warnings.warn("is deprecated", DeprecationWarning, stacklevel=1)
        warnings.warn("The tensor attributes self.g were assigned during export.", UserWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="of the user's"), without_chatter():
        warnings.warn("of the user's", UserWarning, stacklevel=1)
