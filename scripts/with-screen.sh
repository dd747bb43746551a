#!/usr/bin/env bash
# Run a command with a screen that nobody sees: Xvfb on Linux, else Qt's "offscreen".
# Usage: scripts/with-screen.sh COMMAND [ARGUMENT...]
set -euo pipefail

if [ "$(uname)" != Linux ]; then
    exec "$@"
fi
if command -v xvfb-run >/dev/null && command -v xauth >/dev/null; then
    exec xvfb-run --auto-servernum --server-args="-screen 0 1280x800x24" "$@"
fi
echo "There is no Xvfb: Qt draws off screen." >&2
exec env QT_QPA_PLATFORM=offscreen "$@"
