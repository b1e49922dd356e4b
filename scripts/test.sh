#!/bin/sh
# The whole suite. Each step says what it shows; the first failure ends it.
set -eu
cd "$(dirname "$0")/.."
step() { echo; echo "==> $*"; }

step 'Rust: rooms, store suite, routes × roles, documents, journeys'
# The same set of packages everywhere: with another set cargo would choose other features and build typst again.
cargo build --locked --quiet --bins
# The phone of three figures, on an encrypted store: it can't be linked with the server, and is built by itself.
cargo build --locked --quiet -p nuanfang-bench-phone
# The simulator of one, built as the step of its own tests builds it.
cargo build --locked --quiet -p nuanfang-simulation --config tests/simulation/fast.toml
cargo test --locked --quiet
step 'phones, office and a bad network, seed by seed'
cargo test --locked --quiet -p nuanfang-simulation --config tests/simulation/fast.toml
step 'inputs that once reached something, and random ones'
cargo test --locked --quiet -p nuanfang-fuzz
step 'the phone on an encrypted store'
cargo test --locked --quiet -p nuanfang-core --features sqlcipher --test device
step 'the day, played and checked'
rm -rf build/day && mkdir -p build/day
target/debug/nuanfang-demo --data build/day/data --listen 127.0.0.1:0 --exit --documents build/day/documents
step 'console in Chromium'
(cd server/console && npm run --silent test)
step 'Kotlin journeys through the generated bindings, and the phone'"'"'s screens'
./android/test.sh
echo
echo 'all green'
