"""Reading configurations: every mistake is named, and values are read as written."""

import dataclasses
import re
import tempfile
import typing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddle_alexnet.config.load import describe_keys, make_config, read_config, write_config
from paddle_alexnet.config.schema import Config
from paddle_alexnet.errors import ConfigError

CONFIGS = [  # not the claims, which are data of their own
    path
    for path in sorted((Path(__file__).parents[2] / "configs").rglob("*.yml"))
    if path.parent.name != "claims"
]

# Names that users and the documents rely on.
STABLE = {
    "data": "root split val_rate",
    "model": "name num_classes lrn init pretrained skip_head",
    "train": "epochs batch_size accumulate_steps seed device",
    "optimizer": "name lr momentum nesterov weight_decay clip_norm average",
    "schedule": "name warmup_epochs",
    "run": "dir",
}


@pytest.fixture
def yml(tmp_path):
    path = tmp_path / "my.yml"
    path.write_text("train: {epochs: 5}\noptimizer: {lr: 1e-3}\n")
    return path


def test_every_shipped_config_is_valid():
    assert CONFIGS
    for path in CONFIGS:
        read_config(path)


def test_stable_keys_exist_and_are_described():
    described = {key: text for key, _, text in describe_keys()}
    for section, keys in STABLE.items():
        assert {f"{section}.{key}" for key in keys.split()} <= described.keys()
    assert all(described.values())


def test_values_and_overrides(yml):
    overrides = ["train.batch_size=8", "schedule.milestones=[1, 3]", "data.root=a=b 花", "run.dir="]
    config = read_config(yml, [*overrides, "optimizer.average=null", "model.init=paper"])
    assert (config.train.epochs, config.train.batch_size) == (5, 8)
    assert config.optimizer.lr == 0.001  # YAML 1.1 would read 1e-3 as text
    assert config.schedule.milestones == [1, 3]
    assert config.data.root == "a=b 花"
    assert config.run.dir is None
    assert config.optimizer.average is None
    assert config.model.init == "paper"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epoch=3", "'train.epoch': did you mean train.epochs"),
        ("train.lr=3", "did you mean optimizer.lr"),
        ("trian.epochs=3", "did you mean train"),
        ("data.num_workers=3", "did you mean data.workers"),
        ("lr=3", "did you mean optimizer.lr"),
        ("train.momentum_decay=3", "'train.momentum_decay': tools/train.py --help lists the keys"),
        ("train.learning_rate=3", "'train.learning_rate': tools/train.py --help lists the keys"),
        ("nothing.like.it=3", "'nothing': tools/train.py --help lists the keys"),
        ("train.epochs=1.5", "integer"),
        ("train.epochs='3'", "integer"),
        ("train.epochs=true", "integer"),
        ("train.epochs=0", "greater than or equal to 1"),
        ("train.epochs=", "train.epochs"),
        ("optimizer.lr=.nan", "finite"),
        ("optimizer.lr=-1", "greater than 0"),
        ("data.max_pixels=0", "greater than or equal to 1"),
        ("data.max_pixels=268435457", "less than or equal to 268435456"),
        ("optimizer.name=sgd", "'momentum', 'adam' or 'krizhevsky2012'"),
        ("optimizer.nesterov=1", "boolean"),
        ("optimizer.bias_lr=triple", "optimizer.bias_lr: input should be 'same' or 'double'"),
        ("optimizer.bias_lr=-0.1", "optimizer.bias_lr: input should be greater than 0"),
        ("optimizer.bias_lr=0.1", "only optimizer.name krizhevsky2012"),
        ("optimizer.weight_decay=x", "optimizer.weight_decay: input should be a valid number"),
        ("optimizer.weight_decay={fc5: x}", "optimizer.weight_decay.fc5: input should be a valid"),
        ("optimizer.weight_decay={fc5: -1}", "optimizer.weight_decay.fc5: input should be greater"),
        ("data.val_rate=1.0", "less than 1"),
        ("train.device=tpu", "train.device"),
        ("train=3", "section"),
        ("train.epochs.more=3", "not a section"),
        ("train.epochs", "key.sub=value"),
        ("train.epochs=[", "not valid YAML"),
        ("schedule.milestones=[3, 1]", "schedule.milestones"),
        ("schedule.milestones=[0]", "schedule.milestones"),
        ("schedule.name=step", "schedule.milestones"),
        ("schedule.warmup_epochs=5", "less than"),
        ("data.cache=memory", "'none' or 'ram'"),
        ("data.cache_gib=0", "greater than 0"),
    ],
)
def test_mistakes_are_named(yml, override, words):
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")) as error:
        read_config(yml, [override])
    assert f"-o {override}" in str(error.value)


@pytest.mark.parametrize(
    "word",
    [
        "no",
        "on",
        "y",
        "true",
        "1",
        "2024",
        "1e3",
        "null_",
        "a=b",
        "2024-01-01",
        "@a",
        "[1] b",
        "#c",
    ],
)
def test_folders_may_have_any_name(yml, word):
    """In YAML 1.1, no and on are booleans."""
    config = read_config(yml, [f"data.root={word}", f"run.dir={word}"])
    assert (config.data.root, config.run.dir) == (word, word)
    yml.write_text(write_config(config), encoding="utf-8")
    assert read_config(yml) == config


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("model.nam", "model.name"),
        ("optimizer.nam", "optimizer.name"),
        ("model.lr", "optimizer.lr"),
        ("train.lr", "optimizer.lr"),
    ],
)
def test_the_nearest_key_is_looked_for_in_the_section_first(yml, key, near):
    with pytest.raises(ConfigError, match=re.escape(f"did you mean {near}?")):
        read_config(yml, [f"{key}=1"])


def test_a_dotted_key_in_a_file_is_no_section(yml):
    for key, words in (
        ("train.epochs", "epochs below a section 'train:'"),
        ("model.name", "name below a section 'model:'"),
        ("model.changes.norm", "changes: {norm: ...} below a section 'model:'"),
    ):
        yml.write_text(f"{key}: 5\n")
        with pytest.raises(ConfigError, match=re.escape(f"write {words}")):
            read_config(yml)
    yml.write_text("trian.epochs: 5\n")
    with pytest.raises(ConfigError, match=r"did you mean train\.epochs"):
        read_config(yml)


def test_a_change_of_the_wrong_type_is_named_as_the_user_does(yml):
    with pytest.raises(ConfigError) as error:
        read_config(yml, ["model.changes.pool=true"])
    assert "model.changes.pool: " in str(error.value) and "constrained" not in str(error.value)


def test_a_folder_at_home(yml, monkeypatch):
    """Shells do not expand ~ in key=~/x; a folder named ~ is never meant."""
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("USERPROFILE", "/home/somebody")
    for key in ("data.root", "run.dir", "model.pretrained"):
        section, leaf = key.split(".")
        config = read_config(yml, [f"{key}=~/x"])
        assert getattr(getattr(config, section), leaf) == "/home/somebody/x"


def test_the_optimizer_of_2012_refuses_keys_that_it_does_not_have(yml):
    for other in (
        "optimizer.nesterov=true",
        "optimizer.bias_lr=double",
        "optimizer.decay_biases=true",
    ):
        with pytest.raises(ConfigError, match=rf"krizhevsky2012.*{other.split('=')[0]}$"):
            read_config(yml, ["optimizer.name=krizhevsky2012", other])


def test_the_optimizer_of_2012_takes_a_rate_for_biases(yml):
    overrides = ["optimizer.name=krizhevsky2012", "optimizer.bias_lr=2e-3"]
    config = read_config(yml, [*overrides, "optimizer.weight_decay={local3: 4e-3, fc5: 1}"])
    assert config.optimizer.bias_lr == 0.002
    assert config.optimizer.weight_decay == {"local3": 0.004, "fc5": 1}


def test_the_schedule_of_2012_needs_the_optimizer_of_2012(yml):
    with pytest.raises(ConfigError, match=r"milestones \[25, 51, 79\]"):
        read_config(yml, ["schedule.name=epochs2012"])
    read_config(yml, ["schedule.name=epochs2012", "optimizer.name=krizhevsky2012"])


def test_a_cache_in_memory_needs_one_process(yml):
    with pytest.raises(ConfigError, match=r"data\.workers 0 or data\.cache none"):
        read_config(yml, ["data.cache=ram", "data.workers=2"])


@pytest.mark.parametrize("override", ["data.cache=disk", "data.cache_dir=x"])
def test_the_removed_cache_on_disk_is_explained(yml, override):
    with pytest.raises(ConfigError, match=r"data\.cache.*removed.*tools/resize_images\.py"):
        read_config(yml, [override])


def test_the_empty_key_that_older_runs_have_written_is_ignored(yml):
    assert read_config(yml, ["data.cache_dir=null"]) == read_config(yml)


def test_lists_come_in_pairs(yml):
    with pytest.raises(ConfigError, match="give both"):
        read_config(yml, ["data.train_list=train.txt"])


def test_every_shipped_config_states_its_source_and_accuracy():
    for path in CONFIGS:
        head = path.read_text().split("\n\n")[0].replace("\n# ", " ")
        assert re.search(r"Reaches: .*(measured|docs/results\.md)", head), path


def test_a_schedule_of_another_package_passes_through(yml):
    """The registry of schedules checks the name when a run starts."""
    assert read_config(yml, ["schedule.name=my_schedule"]).schedule.name == "my_schedule"


def test_all_conflicts_between_keys_are_named(yml):
    overrides = ["schedule.warmup_epochs=5", "schedule.name=step", "data.val_list=val.txt"]
    with pytest.raises(ConfigError) as caught:
        read_config(yml, overrides)
    for key in ("schedule.warmup_epochs", "schedule.milestones", "data.train_list"):
        assert key in str(caught.value)


def test_nothing_is_evaluated(yml):
    assert read_config(yml, ["model.lrn=__import__('os')"]).model.lrn == "__import__('os')"


@pytest.mark.parametrize(
    "text",
    [
        "train: {epochs: 3, epochs: 4}",
        "- a list",
        "train: [1]",
        "just text",
        "a: !!python/object/apply:os.system ['true']",
        "a: &a [*a]",
        "a: &a {x: 1}\nb: *a",
        "[" * 5000,
        "? [1, 2]\n: 3",
        "train: \t{",
        "\x00",
    ],
)
def test_files_that_are_not_configurations(tmp_path, text):
    (tmp_path / "bad.yml").write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yml"):
        read_config(tmp_path / "bad.yml")


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(tmp_path / "no.yml")


def test_an_empty_file_or_section_means_the_defaults(tmp_path):
    (tmp_path / "empty.yml").write_text("train:\n")
    assert read_config(tmp_path / "empty.yml") == Config()
    (tmp_path / "empty.yml").write_text("")
    assert read_config(tmp_path / "empty.yml") == Config()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_written_config_is_read_back(path, tmp_path):
    config = read_config(path)
    (tmp_path / "again.yml").write_text(write_config(config), encoding="utf-8")
    assert read_config(tmp_path / "again.yml") == config


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["data", "train", "model", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["root", "epochs", "name", "y"]), inner, max_size=3
                )
            ),
            max_leaves=6,
        ),
    )
)
def test_any_values_make_a_config_or_a_config_error(values):
    try:
        config = make_config(values)
    except ConfigError:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "again.yml"
        path.write_text(write_config(config), encoding="utf-8")
        assert read_config(path) == config
    assert dataclasses.is_dataclass(config)


def test_choices_are_named_as_they_are_written():
    for section in dataclasses.fields(Config):
        for key, info in section.type.__pydantic_fields__.items():
            if typing.get_origin(info.annotation) is typing.Literal:
                with pytest.raises(ConfigError) as caught:
                    make_config({section.name: {key: "no such"}})
                for choice in typing.get_args(info.annotation):
                    assert f"'{choice}'" in str(caught.value)
