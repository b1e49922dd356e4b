#!/bin/sh
# Builds the phone's library and its bindings with cargo, then does with Maven what is asked for: build.sh test-compile
set -eu
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/../target}
cargo build --locked --quiet -p nuanfang-mobile
cargo build --locked --quiet -p nuanfang-bindgen
exec mvn -B -ntp -q -Drust.target="$target" "$@"
