"""Layouts of dataset files: our own, and those that other tools read."""

import spinn.data.generation  # noqa: F401  # first: it and the native layout import each other, from this end only
from spinn.data.formats.convert import LAYOUTS as LAYOUTS
from spinn.data.formats.convert import Layout as Layout
from spinn.data.formats.convert import convert as convert
from spinn.data.formats.native import Dataset as Dataset
