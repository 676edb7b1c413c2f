"""The choice of the fastest engine: measured once, kept, and made anew for anything else."""

import json
import logging
from types import SimpleNamespace

import pytest

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.export import engines, fastest
from paddle_alexnet.export.fastest import CALLS, TURNS, WARMUP, open_fastest
from paddle_alexnet.export.writer import fill_folder
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description


@pytest.fixture
def export(tiny, tmp_path):
    net = build_model(tiny, 3)
    net.eval()
    description = Description(tiny, ("a", "b", "c"), MODELS[tiny].preprocessing)
    folder = tmp_path / "export"
    folder.mkdir()
    fill_folder(Classifier(net, description), "paddle", folder)
    return folder


@pytest.fixture
def timed(monkeypatch):
    """Engines that take made-up times, by name; the calls of each are counted."""
    seconds, calls, now = {"quick": 0.001, "slow": 0.002}, {}, [0.0]
    monkeypatch.setattr(
        fastest, "time", SimpleNamespace(perf_counter=lambda: now[0], sleep=lambda s: None)
    )
    monkeypatch.setattr(fastest, "installed_engines", lambda file_format: list(seconds))
    monkeypatch.setattr(fastest, "PRECISIONS", ("float32",))

    def engine(name):
        def open_it(folder, device, precision):
            if name == "refused":
                raise ConfigError("not on this device")
            run = engines._open_paddle(folder, device, precision)

            def timed_run(batch):
                calls.setdefault(name, []).append(len(batch))
                now[0] += seconds[name]
                return run(batch)

            return timed_run

        return open_it

    for name in ("quick", "slow", "refused"):
        monkeypatch.setitem(engines.ENGINES["paddle"], name, engine(name))
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: True)
    return SimpleNamespace(seconds=seconds, calls=calls)


def opened(export, cache, **changes):
    words = {"engine": "auto", "precision": "auto", "device": "cpu", "batch": 3}
    return open_fastest(export, **{**words, **changes}, cache=cache)


def test_the_fastest_is_chosen_once(export, timed, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert opened(export, tmp_path).engine == "quick"
    assert CALLS == 20
    calls = [3] * (TURNS * WARMUP + CALLS)
    assert timed.calls == {"quick": calls, "slow": calls}
    (file,) = (tmp_path / "engines").iterdir()
    assert json.loads(file.read_text()) == {
        "quick, float32": pytest.approx(1.0),
        "slow, float32": pytest.approx(2.0),
    }
    timed.calls.clear()
    timed.seconds["quick"] = 9.0
    assert opened(export, tmp_path).engine == "quick"
    assert not timed.calls
    assert [str(file) in record.getMessage() for record in caplog.records] == [True, True]


def test_another_batch_or_engine_is_measured_anew(export, timed, tmp_path):
    opened(export, tmp_path)
    timed.seconds.update(quick=0.005)
    assert opened(export, tmp_path, batch=1).engine == "slow"
    assert len(list((tmp_path / "engines").iterdir())) == 2


@pytest.mark.parametrize("text", ["", "{}", '{"quick, float32": "x"}', '{"other": 1.0}', "[" * 999])
def test_a_damaged_choice_is_made_again(export, timed, tmp_path, text):
    opened(export, tmp_path)
    (file,) = (tmp_path / "engines").iterdir()
    file.write_text(text)
    timed.calls.clear()
    assert opened(export, tmp_path).engine == "quick"
    assert timed.calls


def test_engines_that_cannot_be_used_are_left_out(export, timed, tmp_path):
    timed.seconds.clear()
    timed.seconds.update(refused=0.0, slow=0.002)
    assert opened(export, tmp_path).engine == "slow"
    timed.seconds.pop("slow")
    with pytest.raises(ConfigError, match="not on this device"):
        opened(export, tmp_path, batch=2)


def test_without_a_cache_it_is_measured_each_time(export, timed, tmp_path):
    (tmp_path / "engines").write_text("a file where the folder should be")
    for _ in range(2):
        timed.calls.clear()
        assert opened(export, tmp_path).engine == "quick"
        assert timed.calls
