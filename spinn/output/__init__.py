"""What a run leaves behind: its folder, solution files, figures, report, exports and progress lines."""

from spinn.files.atomic import write_bytes as write_bytes
from spinn.files.atomic import write_json as write_json
from spinn.files.atomic import write_text as write_text
from spinn.files.atomic import write_yaml as write_yaml
from spinn.output.folder import RunFolder as RunFolder
from spinn.output.grid import SolutionGrid as SolutionGrid
from spinn.output.grid_file import read_solution as read_solution
from spinn.output.grid_file import write_solution as write_solution
