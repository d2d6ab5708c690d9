"""`python -m spinn` is the command `spinn`."""

import sys

from spinn.cli import main

sys.exit(main())
