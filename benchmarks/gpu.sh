#!/usr/bin/env bash
# The step-time benchmark on a GPU, and float64 against mixed precision, in under eight minutes; results go to
# benchmarks/results/.
#
#     benchmarks/gpu.sh [folder of the results] [further arguments of step_time.py, such as --quick]
#
# Needs a python3 (or $PYTHON) with jax. What else the library imports is installed if it is missing and pip can reach an
# index; the library itself runs from this source tree and needs no installation.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
out="${1:-$root/benchmarks/results}"
shift || true
limit="${SPINN_GPU_SECONDS:-460}"
started=$SECONDS

"$python" -c 'import jax; print("jax", jax.__version__, jax.devices())'
for needed in equinox jaxtyping numpy scipy optax platformdirs pydantic threadpoolctl yaml:PyYAML; do
  "$python" -c "import ${needed%%:*}" 2>/dev/null || "$python" -m pip install --quiet "${needed##*:}"
done

# The four root folders under their import names, as an installation would place them.
tree="$(mktemp -d)"
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/spinn"
for entry in "$root"/spinn/*; do ln -s "$entry" "$tree/spinn/"; done
for part in pdes solvers data examples; do
  [ -d "$root/$part" ] && ln -sfn "$root/$part" "$tree/spinn/$part"
done
export PYTHONPATH="$tree${PYTHONPATH:+:$PYTHONPATH}"
export XLA_PYTHON_CLIENT_PREALLOCATE=false PYTHONUNBUFFERED=1

# Each part with what is left of the time: a slow compilation costs its own rows only.
failed=0
part() {
  local left=$((limit - (SECONDS - started)))
  if [ "$left" -lt 20 ]; then
    echo "not run, no time left: $*"
    failed=1
  else
    timeout "$left" "$python" "$@" || { echo "failed or out of time: $*"; failed=1; }
  fi
}

# Double precision goes to a name of its own; Navier-Stokes, which compiles longest, comes last.
part "$root/benchmarks/step_time.py" --only helmholtz_3d,klein_gordon_2d --label grids --out "$out" "$@"
part "$root/benchmarks/large_grid.py" --out "$out"
part "$root/benchmarks/step_time.py" --only helmholtz_3d --points 64,128 --precision float64 --label grids --out "$out" "$@"
part "$root/benchmarks/mixed_precision.py" --out "$out"
part "$root/benchmarks/step_time.py" --only navier_stokes_3d --points 16 --label flow_16 --out "$out" "$@"
part "$root/benchmarks/step_time.py" --only navier_stokes_3d --points 32 --label flow_32 --out "$out" "$@"
echo "took $((SECONDS - started)) s; results in $out"
exit "$failed"
