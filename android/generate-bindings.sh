#!/bin/sh
# Writes the Kotlin bindings of nuanfang-mobile: generate-bindings.sh RUST_TARGET OUT.
# Files that did not change keep their time, so that Kotlin need not compile them again.
set -eu
target=$1
out=$2
fresh=$out.fresh
rm -rf "$fresh"
mkdir -p "$out" "$fresh"
library=$target/debug/libnuanfang_mobile.so
[ -f "$library" ] || { echo "missing $library: run android/test.sh, which builds it" >&2; exit 1; }
cd "$(dirname "$0")/../mobile-bindings"
"$target/debug/uniffi-bindgen" generate "$library" --language kotlin --no-format --out-dir "$fresh"
(cd "$fresh" && find . -type f) | while read -r file; do
    if ! cmp -s "$fresh/$file" "$out/$file"; then
        mkdir -p "$out/$(dirname "$file")"
        cp "$fresh/$file" "$out/$file"
    fi
done
rm -rf "$fresh"
