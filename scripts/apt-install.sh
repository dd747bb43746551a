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

install() {
    apt_get install -y --no-install-recommends "$@" >/dev/null
}

failed=("$@")
if can_install; then
    echo "Installing with apt: $*"
    # Lists that cannot be refreshed may still be good enough.
    apt_get update >/dev/null || true
    failed=()
    # One name that this release does not know must not hold up the others.
    install "$@" || for package; do install "$package" || failed+=("$package"); done
fi
if [ "${#failed[@]}" -gt 0 ]; then
    echo "Not installed: ${failed[*]}" >&2
    echo "On Debian or Ubuntu, type:  sudo apt-get install -y ${failed[*]}" >&2
    exit 1
fi
