"""The entry point: help, version, exit codes, and a start that does not wait for jax."""

import json
import subprocess
import sys

import pytest

import spinn
from spinn.cli._main import COMMANDS, build_parser
from spinn.cli._printing import table

NAMES = (
    "solve",
    "metalic",
    "generate",
    "verify",
    "learn",
    "predict",
    "list",
    "show",
    "check",
    "new",
    "schema",
    "evaluate",
    "export",
    "plot",
    "compare",
    "doctor",
)


def python(code: str, *argv: str, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, cwd=cwd, timeout=120)


def test_help_names_every_command(run):
    outcome = run("--help")
    assert outcome.code == 0
    assert all(f"    {name} " in outcome.out for name in NAMES)
    assert len(COMMANDS) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_has_examples(run, name):
    outcome = run(name, "--help")
    assert outcome.code == 0
    assert outcome.out.count(f"\n  spinn {name} ") >= 1 + (name not in ("new", "doctor"))


def test_version(run):
    outcome = run("--version")
    assert (outcome.code, outcome.out) == (0, f"spinn {spinn.__version__}\n")


@pytest.mark.parametrize(
    "argv", [(), ("sove",), ("solve",), ("solve", "heat", "--precision", "half"), ("list", "--nope")]
)
def test_misuse_is_code_2_with_usage(run, argv):
    outcome = run(*argv)
    assert outcome.code == 2
    assert "usage: spinn" in outcome.err


def test_bad_input_is_one_message_without_traceback(run):
    outcome = run("solve", "nothing_of_this_name")
    assert outcome.code == 2
    assert outcome.err.startswith("expected a YAML file, a shipped example or the name of a PDE")
    assert outcome.out == ""


def test_bad_input_as_json(run, here):
    (here / "run.yaml").write_text("pde: heat\nseed: -1\n")
    outcome = run("solve", "run.yaml", "--json")
    assert outcome.code == 2
    assert outcome.json["status"] == "error"
    assert (outcome.json["file"], outcome.json["line"]) == ("run.yaml", 2)
    assert "seed: expected a whole number" in outcome.err


def test_interruption_is_130(run, monkeypatch):
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("spinn.cli.schema.run", interrupted)
    assert run("schema").code == 130


@pytest.mark.parametrize("argv", [["--help"], ["list"], ["schema"], ["new", "beam"], ["--version"]])
def test_light_commands_do_not_start_jax(argv, tmp_path):
    code = (
        "import sys; from spinn.cli import main; code = main(sys.argv[1:]);"
        "print('heavy:', sorted({'jax', 'matplotlib', 'h5py', 'equinox'} & set(sys.modules)), code, file=sys.stderr)"
    )
    assert python(code, *argv, cwd=tmp_path).stderr.strip().endswith("heavy: [] 0")


def test_importing_spinn_starts_nothing():
    code = "import sys, spinn; print(spinn.__version__, 'jax' in sys.modules, 'numpy' in sys.modules)"
    assert python(code).stdout.split()[1:] == ["False", "False"]


def test_unknown_attribute_of_the_package():
    with pytest.raises(AttributeError, match="module 'spinn' has no attribute 'slove'"):
        _ = spinn.slove
    assert {"solve", "load", "Solution"} <= set(dir(spinn))


def test_a_reader_that_goes_away_is_no_error():
    code = "import sys; from spinn.cli import main; sys.exit(main(['schema']))"
    reader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stderr is not None
    reader.stdout.close()
    assert reader.stderr.read() == b""
    assert reader.wait(timeout=60) == 0
    reader.stderr.close()


def test_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "spinn", "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"spinn {spinn.__version__}\n"


def test_parser_keeps_every_assignment():
    arguments = build_parser().parse_args(["solve", "heat", "--set", "a.b=1", "--set", "c=2"])
    assert arguments.assignments == ["a.b=1", "c=2"]


def test_tables_align():
    assert table(("A", "LONG"), [("x", 1), ("longer", 22)]) == "A       LONG\nx       1\nlonger  22"


def test_schema_is_json_schema(run, here):
    document = run("schema").json
    assert document["properties"]["seed"]["minimum"] == 0
    assert run("schema", "--out", "s.json").code == 0
    assert json.loads((here / "s.json").read_text()) == document


def test_schema_to_nowhere(run):
    outcome = run("schema", "--out", "no/such/folder/s.json")
    assert outcome.code == 2
    assert "the folder does not exist" in outcome.err
