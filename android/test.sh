#!/bin/sh
# Builds the phone's library and its bindings, then runs the Kotlin journeys on the JVM against a live server.
set -eu
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/../target}
# One by one: built together, the server would be linked with the phones' encrypting SQLite.
(cd .. && cargo build --locked --quiet --bins)
cargo build --locked --quiet -p nuanfang-mobile
cargo build --locked --quiet -p nuanfang-bindgen
exec mvn -B -ntp -q -Drust.target="$target" verify
