#!/bin/sh
# Installs the checkers that are not Debian packages, at pinned versions, into build/tools.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/build/tools
if [ ! -x "$tools/bin/cargo-deny" ]; then
    echo '==> building cargo-deny (licence check), some minutes the first time'
    cargo install --quiet --locked --debug --root "$tools" cargo-deny --version 0.20.2
fi
