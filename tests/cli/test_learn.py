"""`spinn generate`, `spinn learn`, `spinn predict`: three commands that fit, and what they say to mistakes."""

import json
import re

import h5py
import pytest

from spinn.cli import main

SETTINGS = ["--set", "model={width: 6, modes: 3, layers: 2}", "--set", "train=[{epochs: 20, batch: 4}]", "--quiet"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_a_family_to_certified_solutions(here, capsys):
    made = ["generate", "darcy_2d", "--grid", "9", "--solver", "superlu", "--quiet"]
    assert main([*made, "--samples", "12", "--out", "d.h5"]) == 0
    assert main(["learn", "--data", "d.h5", "--out", "run", *SETTINGS]) == 0
    told = capsys.readouterr().out
    assert re.search(r"held-out samples +relative L2 error \d+\.\d\d% .* on 1 samples at 9x9", told)
    assert main(["predict", "run", "--input", "d.h5", "--out", "p.h5", "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 12 and found["relative_l2"] < 0.9 and found["residual"]["median"] > 1e-6
    assert main(["predict", "run", "--input", "d.h5", "--out", "q.h5", "--polish", "1e-7", "--quiet"]) == 0
    assert re.search(r"the solver alone .* ratio \d", capsys.readouterr().out)
    assert main(["verify", "q.h5", "--share", "1"]) == 0
    assert main([*made, "--samples", "2", "--out", "more.h5", "--active", "run", "--pool", "2"]) == 0
    with h5py.File("more.h5") as file:
        assert min(file["samples/index"]) >= 12
    assert main(["learn", "--data", "d.h5", "--data", "more.h5", "--out", "again", *SETTINGS, "--json"]) == 0
    assert '"samples": 13' in capsys.readouterr().out
    assert main(["show", "p.h5"]) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("modle: {}\n", "l.yaml:1: modle: expected one of the keys .*did you mean 'model'"),
        ("data: d.h5\nmodel: {widht: 3}\n", "l.yaml:2: model.widht: expected one of .*did you mean 'width'"),
        ("model: {kind: unet}\n", "l.yaml:1: model.kind: input should be 'fno'.*got 'unet'"),
        ("train:\n  - {epochs: 1}\n  - {batch: 2}\n", "l.yaml:3: train.1: expected at least one of epochs, steps"),
        ("train:\n  - {seconds: 3}\n", "l.yaml:2: train.0: schedule warmup_cosine needs epochs or steps"),
        ("loss: {l2: 0, h1: 0}\n", "l.yaml:1: loss: expected at least one of l2, h1 and physics above zero"),
        ("held_out: 0\n", "l.yaml:1: held_out: "),
        ("seed: 1\n", "expected a file of samples: give it with --data"),
    ],
)
def test_mistakes_are_told_with_their_place(here, capsys, text, told):
    (here / "l.yaml").write_text(text)
    assert main(["learn", "l.yaml"]) == 2
    message = capsys.readouterr().err
    assert re.search(told, message), message


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["learn", "none.yaml"], "nor a shipped configuration; those are darcy_fno"),
        (["learn", "--data", "none.h5"], "there is no such file"),
        (["learn", "--set", "model"], "expected path.to.key=value"),
        (["learn", "--set", "seed.x=1", "--set", "seed.x.y=1", "--data", "d.h5"], "expected the name of a setting"),
        (["predict", "runs", "--input", "a.h5", "--out", "b.h5"], "expected the folder of a run of `spinn learn`"),
        (["generate", "darcy_2d", "--active", "runs"], "expected the folder of a run of `spinn learn`"),
    ],
)
def test_mistakes_on_the_command_line(capsys, arguments, told):
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


def test_the_schema_of_learning_describes_every_setting(capsys):
    assert main(["schema", "--learn"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert all("description" in setting for setting in schema["properties"].values())
