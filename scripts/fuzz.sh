#!/bin/sh
# Lets coverage choose the inputs of tests/fuzz: so many minutes for each target, all of them or those that are named.
# What reached something new is kept in tests/fuzz/corpus; an input that broke a promise stays in build/fuzz/*/crashes.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: $0 MINUTES [TARGET …]" >&2; exit 2; }
seconds=$(($1 * 60)); shift
[ $# -gt 0 ] || set -- $(cd tests/fuzz/corpus && printf '%s\n' *.zip | sed 's/\.zip$//')

host=$(rustc -vV | sed -n 's/^host: //p')
# What libFuzzer wants to see of the code: which edges were taken, and what was compared with what.
flags='--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module'
for pass in level=4 inline-8bit-counters pc-table trace-compares stack-depth; do
    flags="$flags -Cllvm-args=-sanitizer-coverage-$pass"
done
echo '==> building for fuzzing'
program=$(RUSTFLAGS="$flags" cargo test --locked --quiet -p nuanfang-fuzz --test targets --profile fuzz --target "$host" \
    --target-dir build/fuzz/target --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*targets-[^"]*\)".*/\1/p')

guided() { # TARGET LIBFUZZER-ARGUMENTS
    name=$1; shift
    BOLERO_TEST_NAME=$name BOLERO_LIBTEST_HARNESS=1 BOLERO_LIBFUZZER_ARGS="$*" \
        "$program" "$name" --exact --nocapture --quiet --test-threads 1
}

failed=
for target; do
    work=build/fuzz/$target
    rm -rf "$work/kept" "$work/least"
    mkdir -p "$work/kept" "$work/least" "$work/found" "$work/crashes"
    python3 -m zipfile -e "tests/fuzz/corpus/$target.zip" "$work/kept"
    echo "==> $target"
    guided "$target" "$work/found" "$work/kept" "-artifact_prefix=$work/crashes/" "-max_total_time=$seconds" \
        -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 \
        >"$work/log" 2>&1 || failed="$failed $target"
    grep -E '^(stat::|SUMMARY|Done)' "$work/log" || tail -n 40 "$work/log"
    # The fewest inputs that reach all of it. What once broke a promise is kept whatever it reaches.
    guided "$target" -merge=1 "$work/least" "$work/kept" "$work/found" >"$work/merge.log" 2>&1
    for once in "$work"/kept/broke-*; do
        if [ -e "$once" ]; then cp "$once" "$work/least/"; fi
    done
    (cd "$work/least" && rm -f ../kept.zip && python3 -m zipfile -c ../kept.zip ./*)
    mv "$work/kept.zip" "tests/fuzz/corpus/$target.zip"
done
[ -z "$failed" ] || { echo "broken:$failed; see build/fuzz/*/log" >&2; exit 1; }
