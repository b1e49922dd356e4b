#!/bin/sh
# The phone on the JVM against a live server: the journeys through its Kotlin bindings, then its screens.
set -eu
cd "$(dirname "$0")"
# By itself: built together, the server would be linked with the phones' encrypting SQLite.
(cd .. && cargo build --locked --quiet --bins)
# The day is played afresh.
rm -rf field/target/day
exec ./build.sh verify
