"""`spinn schema`: every setting of the YAML file, as JSON Schema."""

import argparse
import json
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, note

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DESCRIPTION = """\
Print the JSON Schema of the configuration file: every setting with its meaning, values and default.

  spinn schema | less                          read it
  spinn schema --dataset | less                the file of `spinn generate`
  spinn schema --learn | less                  the file of `spinn learn`
  spinn schema --out spinn.schema.json         let an editor check and complete YAML files; begin a file with
                                               # yaml-language-server: $schema=spinn.schema.json
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "schema", "print the JSON schema of the YAML file", DESCRIPTION)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it to a file")
    parser.add_argument("--dataset", action="store_true", help="of the file that `spinn generate` reads")
    parser.add_argument("--learn", action="store_true", help="of the file that `spinn learn` reads")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print or write the schema."""
    from spinn.config import schema as config_schema

    if arguments.dataset:
        from spinn.config.dataset import DatasetConfig

        found = {"$schema": DIALECT, **DatasetConfig.model_json_schema()}
    elif arguments.learn:
        from spinn.config.learning import LearnConfig

        found = {"$schema": DIALECT, **LearnConfig.model_json_schema()}
    else:
        found = config_schema()
    text = json.dumps(found, indent=2)
    if arguments.out is None:
        print(text)
    else:
        from spinn.files.atomic import write_text

        write_text(arguments.out, text + "\n")
        note(f"wrote {arguments.out}")
    return 0
