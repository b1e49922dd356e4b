#!/bin/sh
# Formats, lints, licences, the console's checks. No Rust test runs here.
set -eu
cd "$(dirname "$0")/.."
step() { echo "==> $*"; }

step 'format (rustfmt)'
cargo fmt --all --check
step 'lints (clippy, warnings are errors)'
cargo clippy --locked --quiet --all-targets -- -D warnings
cargo clippy --locked --quiet -p nuanfang-mobile -p nuanfang-bindgen --all-targets -- -D warnings
cargo clippy --locked --quiet -p nuanfang-simulation --all-targets -- -D warnings
cargo clippy --locked --quiet -p nuanfang-fuzz --all-targets -- -D warnings
cargo clippy --locked --quiet -p nuanfang-bench-phone --all-targets -- -D warnings
step 'licences and sources (cargo deny)'
PATH="$PWD/build/tools/bin:$PATH" cargo deny --log-level error check licenses bans sources
step 'console (ESLint, vue-tsc, message catalogues)'
(cd server/console && npm run --silent check)
