"""A wrong config ends in one sentence that names the field and what would do."""

import json

import jax
import pytest
from ml_collections import ConfigDict

from jaxcxr.config import changed_fields, check_config, stored_config, study_config, unknown_field
from jaxcxr.errors import InputError


def _config(**changes):
    """Built from plain values, so that nothing is cast on the way."""
    values = study_config().to_dict()
    values["data"], values["model"]["weights"] = "data/x", "weights/x.safetensors"
    return ConfigDict(values | changes)


def test_the_studys_recipe_passes_and_is_the_papers():
    config = _config()
    check_config(config)
    assert (config.learning_rate, config.batch_size, config.weight_decay) == (1e-5, 32, 0.0)
    assert (config.image_size, config.rotation_degrees, config.flip) == (224, 7.0, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ""}, "config.data is empty; .*input_pipeline prepare"),
        ({"bach_size": 3}, r"config.bach_size is not a field; did you mean batch_size\?"),
        ({"dtype": "float23"}, r"config.dtype is 'float23' \(did you mean float32\?\)"),
        ({"batch_size": 2.5}, "config.batch_size is 2.5, of type float; it takes int"),
        ({"batch_size": 0}, "config.batch_size is 0; it must be above zero"),
        ({"clip_norm": -1.0}, "config.clip_norm is -1.0; it cannot be negative"),
        ({"train_patients": 0.0}, "config.train_patients is 0.0; give a share .* above 0"),
        ({"train_patients": 10}, "config.train_patients is 10; .*at most 1, such as 0.1"),
        ({"label_noise": 1.01}, "config.label_noise is 1.01; give the probability .* 0 to 1"),
        ({"label_noise": -0.1}, "config.label_noise is -0.1; give the probability"),
        ({"lable_noise": 0.1}, r"config.lable_noise is not a field; did you mean label_noise\?"),
        ({"label_noise_seed": -1}, "config.label_noise_seed is -1; give a whole number from 0"),
        ({"label_noise_seed": 2**32}, "config.label_noise_seed is 4294967296; give a whole"),
        ({"optimizer": "adamv"}, r"config.optimizer is 'adamv' \(did you mean adam"),
        (
            {"optimizer": "adam", "weight_decay": 0.05},
            "config.weight_decay is 0.05 with config.optimizer adam, which has none here; set",
        ),
        ({"lora_dropout": 1.0}, "config.lora_dropout is 1.0; give a share from 0 up to 1"),
        ({"lora_dropout": -0.1}, "config.lora_dropout is -0.1; give a share"),
        ({"lora_targets": ()}, "config.lora_targets is empty; name each map once"),
        ({"lora_targets": "mlp/fc1"}, "config.lora_targets is 'mlp/fc1', of type str; it takes"),
        (
            {"lora_targets": ("attention/querry",)},
            r"lora_targets names 'attention/querry' \(did you mean attention/query\?\); choose",
        ),
        (
            {"lora_targets": ("attention/qkv", "attention/value")},
            "config.lora_targets adapts a map twice; name each",
        ),
        ({"lora_targets": ("mlp/fc1", "mlp/fc1")}, "config.lora_targets adapts a map twice"),
        ({"accumulate": 5}, "batch_size 32 is not a multiple of config.accumulate 5"),
        ({"labels": ("A", "A")}, "config.labels names a label twice"),
        ({"labels": "A"}, "config.labels is 'A', of type str; it takes tuple"),
        ({"model": 3}, "config.model is 3; it holds fields of its own"),
        ({"epochs": 1.5}, "config.epochs is 1.5, of type float; it takes int"),
        ({"learning_rate": float("nan")}, "config.learning_rate is nan; give a finite number"),
        ({"learning_rate": float("inf")}, "config.learning_rate is inf; give a finite number"),
        ({"weight_decay": float("-inf")}, "config.weight_decay is -inf; give a finite number"),
        ({"layer_decay": 1e39}, "config.layer_decay is 1e\\+39; give a finite number"),
        ({"rotation_degrees": float("nan")}, "config.rotation_degrees is nan"),
        ({"seed": -1}, "config.seed is -1; give a whole number from 0 to 4294967295"),
        ({"seed": 2**32}, "config.seed is 4294967296; give a whole number"),
        ({"seed": 2**63}, "config.seed is 9223372036854775808; give a whole number"),
        ({"seed": True}, "config.seed is True, of type bool"),
        ({"epochs": 2**31}, "config.epochs is 2147483648; give a number below"),
        ({"labels": (1,)}, r"config.labels is \(1,\); it takes names"),
        ({"labels": ("",)}, r"config.labels is \('',\); it takes names"),
        ({"mesh": {"data": 0, "fsdp": 1}}, "config.mesh.data is 0; give a number of devices"),
        ({"mesh": {"data": -1, "fsdp": -2}}, "config.mesh.fsdp is -2; give a number of devices"),
    ],
)
def test_each_mistake_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        check_config(_config(**changes))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lerning_rate", "config.lerning_rate is not a field; did you mean learning_rate?"),
        ("model.wieghts", "config.model.wieghts is not a field; did you mean weights?"),
        ("modle.weights", "config.modle is not a field; did you mean model?"),
        ("weights", "config.weights is not a field; did you mean model.weights?"),
        ("data.x", "config.data.x is not a field: config.data is a value and holds none"),
        ("mesh.zzz", "config.mesh.zzz is not a field; the fields are data, fsdp"),
        ("model.weights", ""),
        ("model", ""),
    ],
)
def test_what_was_meant_by_an_unknown_field(name, sentence):
    assert unknown_field(study_config(), name) == sentence


def test_missing_field_and_missing_weights_are_named():
    config = _config()
    del config.seed
    with pytest.raises(InputError, match=r"config.seed is missing"):
        check_config(config)
    config = _config()
    config.model.weights = ""
    with pytest.raises(InputError, match=r"config.model.weights is empty; .*convert import"):
        check_config(config)


def test_the_ends_of_seeds_are_those_that_jax_tells_apart():
    seeds = (0, 2**32 - 1)
    for seed in seeds:
        check_config(_config(seed=seed))
    drawn = [jax.random.key_data(jax.random.key(seed)).tolist() for seed in (*seeds, 2**32)]
    assert drawn[0] != drawn[1] and drawn[2] == drawn[0]


def test_what_is_no_config_is_said_to_be_none():
    with pytest.raises(InputError, match=r"the config is 3; get_config\(\) has to return"):
        check_config(3)


def test_a_stored_config_gets_defaults_and_keeps_what_it_does_not_know():
    parts = ("attention/query", "attention/value")
    fields = json.loads(_config(labels=("A",), epochs=7, lora_targets=parts).to_json())
    del fields["train_patients"], fields["mesh"]["fsdp"]
    found = stored_config(fields | {"of_later": 3}, "r/config.json")
    assert (found.epochs, found.train_patients, found.mesh.fsdp) == (7, 1.0, 1)
    assert (found.labels, found.lora_targets, found.of_later) == (("A",), parts, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": "7"}, "config.epochs is '7', of type str"),
        ({"labels": [1]}, "config.labels is .1,.; it takes names"),
        ({"labels": None}, "config.labels is None"),
        ({"model": []}, "config.model is .*; it holds fields of its own"),
        ({"dtype": "float8"}, "config.dtype is 'float8'"),
        ({"image_size": 0}, "config.image_size is 0"),
        ({"mesh": None}, "config.mesh is None"),
    ],
)
def test_a_stored_config_that_is_damaged_names_file_and_field(change, message):
    fields = json.loads(_config().to_json()) | change
    with pytest.raises(InputError, match=rf"^r/config.json: damaged \({message}.*own back$"):
        stored_config(fields, "r/config.json")


def test_whole_numbers_pass_for_fractions():
    check_config(_config(learning_rate=1, clip_norm=1))


def test_only_what_changes_the_experiment_counts_as_changed():
    old, new = _config().to_dict(), _config(epochs=3, log_every=1).to_dict()
    assert changed_fields(old, new) == []
    assert changed_fields(old, _config(seed=1).to_dict()) == ["seed: 0 before, 1 now"]


def test_a_field_that_an_older_run_did_not_know_had_its_default():
    new = _config().to_dict()
    old = {name: value for name, value in new.items() if name != "train_patients"}
    assert changed_fields(old, new) == []
    (changed,) = changed_fields(old, new | {"train_patients": 0.5})
    assert changed == "train_patients: 1.0 before, 0.5 now"


ABOVE_ZERO = (
    *("accumulate", "batch_size", "bootstrap_resamples", "checkpoint_minutes", "epochs"),
    *("eval_batch_size", "image_size", "layer_decay", "learning_rate", "log_every"),
    *("lora_rank", "patience"),
)


@pytest.mark.parametrize("name", ABOVE_ZERO)
def test_what_must_be_above_zero(name):
    smallest = 1 if isinstance(study_config()[name], int) else 1e-30
    check_config(_config(**{name: smallest}))
    for value in (type(smallest)(0), type(smallest)(-1)):
        with pytest.raises(InputError, match=f"config.{name} is {value}; it must be above zero"):
            check_config(_config(**{name: value}))


@pytest.mark.parametrize(
    "name",
    [
        *("checkpoint_every", "clip_norm", "lora_alpha", "rotation_degrees"),
        *("warmup_steps", "weight_decay"),
    ],
)
def test_what_may_be_zero_and_not_below(name):
    kind = type(study_config()[name])
    check_config(_config(**{name: kind(0)}))
    with pytest.raises(InputError, match=f"config.{name} is -1.*; it cannot be negative"):
        check_config(_config(**{name: kind(-1)}))


def test_the_ends_of_a_share_and_of_micro_batches():
    check_config(_config(train_patients=1.0, accumulate=32, label_noise=1))
    with pytest.raises(InputError, match="at most 1"):
        check_config(_config(train_patients=1.01))


def test_the_defaults_are_the_studys_and_those_that_do_nothing():
    """A default is a claim about the study, or leaves its recipe as it is."""
    config = study_config().to_dict()
    of_the_study = {"batch_size": 32, "dtype": "float32", "flip": True, "image_size": 224}
    of_the_study |= {"optimizer": "adamw"}
    of_the_study |= {"learning_rate": 1e-5, "normalization": "study", "rotation_degrees": 7.0}
    of_the_study |= {"schedule": "constant", "trainable": "all", "weight_decay": 0.0}
    without_effect = {"accumulate": 1, "clip_norm": 0.0, "layer_decay": 1.0, "warmup_steps": 0}
    without_effect |= {
        "label_noise": 0.0,
        "lora_alpha": 0.0,
        "lora_dropout": 0.0,
        "labels": [],
        "train_patients": 1.0,
        "remat": False,
        "wandb": "",
    }
    ours = {"epochs": 100, "patience": 5, "selection": "validation_auc", "seed": 0}
    ours |= {"bootstrap_resamples": 1000, "eval_batch_size": 64, "log_every": 10}
    for name, value in (of_the_study | without_effect | ours).items():
        assert (list(config[name]) if name == "labels" else config[name]) == value, name
    assert config["mesh"] == {"data": -1, "fsdp": 1}
    assert (config["model"]["head"], config["model"]["init"]) == ("new", "pretrained")
    assert config["model"]["resample_at"] == "forward"


def test_epochs_of_a_cosine_schedule_are_the_experiment():
    def written(epochs):
        config = study_config()
        config.epochs = epochs
        return json.loads(config.to_json())

    old, new = written(2), written(3)
    assert changed_fields(old, new) == []
    cosine = {"schedule": "cosine"}
    assert changed_fields(old | cosine, new | cosine) == ["epochs: 2 before, 3 now"]
    # A field within a field that came later had its default.
    del old["model"]["resample_at"], old["mesh"]
    assert changed_fields(old, new) == []
