"""Configuration: the YAML file, its schema, and how its words become a `Config` and a PDE.

`load_pde` and `check_definition` are imported from their modules, because they need jax, which takes a second to start.
"""

from spinn.config.explain import schema as schema
from spinn.config.find import Found as Found
from spinn.config.find import find as find
from spinn.config.find import source_of as source_of
from spinn.config.models import Checkpoint as Checkpoint
from spinn.config.models import Config as Config
from spinn.config.models import Output as Output
from spinn.config.models import PdeSpec as PdeSpec
from spinn.config.network import Network as Network
from spinn.config.overrides import merge as merge
from spinn.config.overrides import override as override
from spinn.config.source import Source as Source
from spinn.config.source import from_data as from_data
from spinn.config.training import Loss as Loss
from spinn.config.training import Sampling as Sampling
from spinn.config.training import Stage as Stage
from spinn.config.validate import config_from as config_from
from spinn.config.validate import validate as validate
from spinn.config.writing import check_resumable as check_resumable
from spinn.config.writing import differences as differences
from spinn.config.writing import to_yaml as to_yaml
from spinn.config.yaml_source import load as load
from spinn.config.yaml_source import parse as parse
from spinn.config.yaml_source import read as read
