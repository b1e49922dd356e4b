#!/bin/sh
# Installs the Debian packages named as arguments that are missing.
set -eu
missing=
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "==> installing Debian packages:$missing"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
# shellcheck disable=SC2086
if ! { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >build-packages.log 2>&1; }; then
    tail -n 5 build-packages.log >&2 || true
    echo "could not install them; run: apt-get install$missing" >&2
    exit 1
fi
rm -f build-packages.log
