#!/usr/bin/env bash
# See to the libraries that Qt and OpenGL need on Linux, and to Xvfb, a screen nobody
# sees.  Installs what is missing where it can and otherwise says what to install; never
# fails, because the core and the command line work without them.
set -euo pipefail
cd "$(dirname "$0")"

# library:package, the same names in Debian 12 and 13, Ubuntu 22.04 and 24.04.
libraries="
libGL.so.1:libgl1
libEGL.so.1:libegl1
libOpenGL.so.0:libopengl0
libxkbcommon.so.0:libxkbcommon0
libxkbcommon-x11.so.0:libxkbcommon-x11-0
libxcb-cursor.so.0:libxcb-cursor0
libxcb-icccm.so.4:libxcb-icccm4
libxcb-image.so.0:libxcb-image0
libxcb-keysyms.so.1:libxcb-keysyms1
libxcb-randr.so.0:libxcb-randr0
libxcb-render-util.so.0:libxcb-render-util0
libxcb-shape.so.0:libxcb-shape0
libxcb-xinerama.so.0:libxcb-xinerama0
libxcb-xkb.so.1:libxcb-xkb1
libdbus-1.so.3:libdbus-1-3
libfontconfig.so.1:libfontconfig1
libglib-2.0.so.0:libglib2.0-0
"

missing_packages() {
    local known entry
    known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
    for entry in $libraries; do
        [[ $known == *"${entry%%:*} "* ]] || echo "${entry##*:}"
    done
    command -v Xvfb >/dev/null || echo xvfb
    command -v xauth >/dev/null || echo xauth
}

[ "$(uname)" = Linux ] || exit 0
mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -gt 0 ]; then
    ./apt-install.sh "${missing[@]}" ||
        echo "Going on without them: windows may not open." >&2
fi
