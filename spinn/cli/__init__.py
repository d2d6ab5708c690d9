"""The command line: one module a command. Modules parse and print; functions that do neither do the work."""

from spinn.cli._main import main as main
