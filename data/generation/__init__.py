"""Making datasets: chains of similar systems, solved in pieces that are kept as they are done, put into one file."""

from spinn.data.generation.description import description as description
from spinn.data.generation.generate import generate as generate
from spinn.data.generation.progress import Done as Done
from spinn.data.generation.recipe import Recipe as Recipe
from spinn.data.generation.verification import Verified as Verified
from spinn.data.generation.verification import verify as verify
