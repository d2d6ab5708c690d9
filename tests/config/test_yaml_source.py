"""Reading YAML: numbers, places, and every way in which a file can be wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn.config import differences, load, read, to_yaml
from spinn.config.yaml_source import parse, parse_value
from spinn.errors import SpinnError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a YAML file here and give its name."""
    monkeypatch.chdir(tmp_path)

    def written(text: str) -> Path:
        Path("run.yaml").write_text(text)
        return Path("run.yaml")

    return written


def message(file: Path) -> str:
    with pytest.raises(SpinnError) as caught:
        load(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-9", 1e-9), ("1E5", 1e5), ("-3.5e+2", -350.0), (".5", 0.5), ("1.", 1.0), ("1_000", 1000), ("010", 10),
        ("7", 7), ("true", True), ("no", False), ("Off", False), ("~", None), ("", None), ("null", None),
        ("1:30", "1:30"), ("'7'", "7"), ("e5", "e5"), ("1e", "1e"), ("[1, 2e0]", [1, 2.0]),
        ("{x: fourier}", {"x": "fourier"}), ("./a.py:B", "./a.py:B"), ("2001-01-01", "2001-01-01"),
    ],
)  # fmt: skip
def test_scalars(text, value):
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read_back(number):
    assert parse_value(repr(number)) == number


@given(st.integers(), st.text(alphabet="abcxyz_", min_size=1, max_size=8))
def test_keys_are_text_and_have_their_line(number, key):
    source = parse(f"# a comment\n\n{key}:\n  {key}: {number}\n", Path("f.yaml"))
    assert source.data == {key: {key: number}}
    assert source.place((key, key)).line == 4
    assert source.place((key, key, "deeper")).text == "f.yaml:4"


def test_axis_names_that_yaml_takes_for_switches():
    assert parse("domain: {y: [0, 1], n: [0, 1], on: [0, 1]}", Path("f.yaml")).data["domain"].keys() == {"y", "n", "on"}


def test_reads_a_whole_file(write):
    config = load(write("pde: heat\ntrain:\n  - {optimizer: lbfgs, tolerance: 1e-9}\n"))
    assert config.train[0].tolerance == 1e-9


def test_mistakes_have_file_and_line(write):
    text = message(
        write("pde: heat\nnetwork:\n  rank: 8\n  rnak: 8\nseed: -1\ntrain:\n  - optimizer: adm\n    steps: 5\n")
    )
    lines = text.splitlines()
    assert lines[0].startswith("run.yaml:4: network.rnak: expected one of the keys")
    assert lines[0].endswith("did you mean 'rank'?")
    assert lines[1] == "run.yaml:5: seed: expected a whole number of at least 0, got -1"
    assert lines[2].startswith("run.yaml:7: train.0.optimizer: expected one of adam")
    assert len(lines) == 3


def test_one_mistake_carries_file_and_line(write):
    with pytest.raises(SpinnError) as caught:
        load(write("pde: heat\nseed: x\n"))
    assert (caught.value.file, caught.value.line) == ("run.yaml", 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "run.yaml: expected at least `pde: NAME`"),
        ("# only a comment\n", "got an empty file"),
        ("- a\n- b\n", "run.yaml:1: expected keys and values"),
        ("heat\n", "run.yaml:1: expected keys and values"),
        ("pde: heat\nnetwork: {rank: 3\nseed: 0\n", "run.yaml:3: expected valid YAML"),
        ("pde: heat\n\tseed: 3\n", "indent with spaces, not tabs"),
        ("pde: heat: x\n", "run.yaml:1: expected valid YAML"),
        (
            "pde: heat\nseed: 3\nseed: 4\n",
            "run.yaml:3: seed: expected each key once, got 'seed' again (first in line 2)",
        ),
        ("pde: heat\nnetwork:\n  rank: 3\n  rank: 4\n", "run.yaml:4: network.rank: expected each key once"),
        ("pde: heat\n? [a]\n: 3\n", "expected a name as key"),
        ("pde: heat\ndomain: &d\n  x: *d\n", "the alias contains itself"),
        ("pde: heat\n---\npde: wave\n", "expected valid YAML"),
    ],
)
def test_files_that_are_wrong(write, text, told):
    assert told in message(write(text))


def test_missing_file(tmp_path):
    assert "found none of this name" in message(tmp_path / "none.yaml")


def test_a_folder(tmp_path):
    assert "got a folder" in message(tmp_path)


def test_bytes(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00pde")
    assert "UTF-8" in message(tmp_path / "x.yaml")


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "x.yaml").write_text("\ufeffpde: heat\n", encoding="utf-8")
    assert load(tmp_path / "x.yaml").pde.name == "heat"


def test_written_configuration_reads_back_equal(write):
    config = load(write("pde: {name: heat, params: {kappa: 1e-3}}\ndomain: {t: [0, 2]}\nnetwork: {rank: [4, 8]}\n"))
    again = load(write(to_yaml(config)))
    assert again == config
    assert differences(config, again) == []
    assert "rank: [4, 8]" in to_yaml(config, set_only=True)
    assert "seed" not in to_yaml(config, set_only=True)


def test_differences_name_their_path(write):
    old = load(write("pde: heat\ntrain: [{optimizer: adam, steps: 5}]\n"))
    new = load(write("pde: heat\ntrain: [{optimizer: adam, steps: 6}]\nseed: 1\n"))
    assert differences(old, new) == ["train.0.steps: 5 -> 6", "seed: 0 -> 1"]
    assert differences(new, load(write("pde: heat\nprecision: float32\n")))[-1] == "precision: auto -> float32"


def test_base_is_the_folder_of_the_file(write, tmp_path):
    assert read(write("pde: heat\n")).base == tmp_path.resolve()
