#!/usr/bin/env bash
# Install Debian/Ubuntu packages without ever asking or waiting for long.
# Exit status 1, and the command to type, where this user cannot.
# Usage: scripts/apt-install.sh PACKAGE...
set -euo pipefail

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
fi

apt_get() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
        timeout 600 apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=30 \
        -o Acquire::https::Timeout=30 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

can_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

if can_install; then
    echo "Installing with apt: $*"
    # Lists that cannot be refreshed may still be good enough.
    apt_get update >/dev/null || true
    if apt_get install -y --no-install-recommends "$@" >/dev/null; then
        exit 0
    fi
fi
echo "Not installed: $*" >&2
echo "On Debian or Ubuntu, type:  sudo apt-get install -y $*" >&2
exit 1
