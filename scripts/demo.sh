#!/usr/bin/env bash
# Show the plugin on a sample stack: in a window where there is a display, otherwise
# into files.
# Usage: scripts/demo.sh VENV
set -euo pipefail
cd "$(dirname "$0")/.."
command=${1:?usage: scripts/demo.sh VENV}/bin/napari-mitoseg

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" != Linux ]; then
    exec "$command" demo
fi
echo "There is no display: the demo writes its results into demo-output/."
exec scripts/with-screen.sh "$command" demo --headless --out demo-output
