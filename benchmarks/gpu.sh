#!/usr/bin/env bash
# The step-time comparison on a GPU, in under eight minutes; results go to benchmarks/results/.
#
#   benchmarks/gpu.sh [arguments of step_time.py, such as --quick]
#
# Needs a python3 with jax for the GPU, equinox, optax and numpy. The package itself need not be installed: its folders
# are mapped to their import names by links in a temporary folder. PYTHON names another interpreter.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mkdir "$scratch/spinn"
for entry in "$root"/spinn/*; do ln -s "$entry" "$scratch/spinn/"; done
for folder in pdes solvers data examples; do ln -s "$root/$folder" "$scratch/spinn/$folder"; done
export PYTHONPATH=$scratch${PYTHONPATH:+:$PYTHONPATH}
export XLA_PYTHON_CLIENT_PREALLOCATE=false

"$python" - <<'PY'
import jax
print("devices:", ", ".join(str(device) for device in jax.devices()))
if jax.default_backend() == "cpu":
    print("no GPU found by jax: the figures below are those of the processor")
PY

# Navier-Stokes at 32 an axis in the paper's way compiles for minutes: leave it out unless asked for.
if [[ $# -eq 0 ]]; then
  set -- --only helmholtz_3d,klein_gordon_2d,navier_stokes_3d --points 16,32,64,128 --repeats 10
fi
timeout 460 "$python" "$root/benchmarks/step_time.py" "$@"
