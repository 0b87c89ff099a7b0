#!/bin/sh
# Starts a job's command on a node of the cluster: job.sh PYTHON WORDS. An empty PYTHON is the
# one that runs Ray there, which need not be on PATH: the node's raylet, one of the processes above
# a job, was told with what to start its workers.
python=$1
process=$PPID
shift
while [ -z "$python" ] && [ "${process:-1}" -gt 1 ]; do
  python=$(tr '\0' '\n' <"/proc/$process/cmdline" |
    sed -n -e 's/^--python_worker_command="\([^"]*\)" .*/\1/p;t' \
      -e 's/^--python_worker_command=\([^ ]*\) .*/\1/p')
  process=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$process/status")
done
python=${python:-python}
command -v "$python" >/dev/null || exit 127
"$python" -c '
import sys
from importlib.util import find_spec
needed = "numpy pandas pyarrow pydantic ray rich safetensors scipy seaborn torch yaml"
missing = [name for name in needed.split() if not find_spec(name)]
if sys.version_info < (3, 11) or missing:
    sys.exit("Python %s, without: %s" % (sys.version.split()[0], ", ".join(missing) or "nothing"))
' >&2 || {
  echo "ttq-bench: $python on this node lacks what requirements.lock installs (see the line before);" \
    "install that, or name another Python of the nodes with --python" >&2
  exit 2
}
exec "$python" "$@"
