"""Layouts of dataset files."""

import collections

L = collections.namedtuple("L", "suffix")
LAYOUTS = {"native": L(".h5")}


def convert(source, target, layout):
    raise NotImplementedError
