"""When a training process gives freed memory back."""

from paddle_alexnet.training import freed_memory


def test_before_the_first_update_and_after_every_one(monkeypatch):
    """How many of them count is hand_back_after's to say: tests/runtime/test_cpu.py."""
    calls = []
    monkeypatch.setattr(freed_memory, "hand_back_after", calls.append)
    callback = freed_memory.FreedMemory()
    callback.on_start(None)
    for _ in range(2):
        callback.on_update(None, 8)
    assert calls == [0, 1, 2]
