#!/usr/bin/env bash
# Create a virtual environment and install the project and its tools into it.
# Usage: scripts/venv.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?usage: scripts/venv.sh FOLDER}

# A name on PATH may be a shim for a version that is not there: run it to find out.
new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null </dev/null
}

find_python() {
    local name
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    cat >&2 <<'MESSAGE'
No Python 3.11 or newer was found (tried python3, python3.13, python3.12, python3.11).
Install one, for example with
    sudo apt-get install python3.11 python3.11-venv
or name it:  make PYTHON=/path/to/python3.12 ...
MESSAGE
    return 1
}

# Debian and Ubuntu ship the venv module in a package of its own.
ensure_venv_module() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    local version
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    scripts/apt-install.sh "python$version-venv" || true
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    echo "Python $version cannot create virtual environments: its package" \
        "python$version-venv is missing. Install it, then run make again." >&2
    return 1
}

python=$(find_python)
ensure_venv_module "$python"
echo "Installing into $venv with $("$python" --version) ($python); a first time takes minutes."
if ! new_enough "$venv/bin/python"; then
    "$python" -m venv --clear "$venv"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
"$venv/bin/python" -m pip install --quiet --editable ".[dev]" --constraint constraints.txt
