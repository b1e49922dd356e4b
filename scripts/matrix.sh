#!/bin/sh
# Phones and servers of different releases with each other: matrix.sh REF takes the processes suite of REF and runs it
# against the server of this tree, then the suite of this tree against the server of REF. Phones live in the suite's own
# process, so each half is one release's phones beside the other's server, killed, cut off and lied to as ever.
set -eu
cd "$(dirname "$0")/.."
[ $# = 1 ] || { echo "usage: $0 REF" >&2; exit 2; }
commit=$(git rev-parse --verify --quiet "$1^{commit}") || { echo "no commit $1" >&2; exit 2; }
old=$PWD/build/matrix/$commit
mkdir -p build/matrix
# Git still knows the folders that `make clean` took away.
git worktree prune
[ -d "$old" ] || git worktree add --quiet --detach "$old" "$commit"

# Older suites read the code's label as their own release prints it.
company=$old/tests/tests/processes/company.rs
[ ! -f "$company" ] || sed -i 's/value("注册码")/value("登记码")/' "$company"

# What a release's own build does first: the server carries the console's page.
console() { (cd "$1" && make --silent console); }
# The suite's program; the server that it starts lies beside it as debug/nuanfang-process.
suite() { # TREE TARGET
    (cd "$1" && cargo test --locked --quiet --target-dir "$2" --test processes --no-run --message-format json) |
        sed -n 's/.*"executable":"\([^"]*processes-[^"]*\)".*/\1/p'
}
with() { # TREE SUITE TARGET SERVER WORDS
    cp "$3/debug/nuanfang-process" build/matrix/own
    cp --remove-destination "$4" "$3/debug/nuanfang-process"
    echo "==> $5"
    status=0
    (cd "$1/tests" && "$2" clocks:: exchange:: killed:: $skip --test-threads 2) || status=$?
    mv -f build/matrix/own "$3/debug/nuanfang-process"
    return "$status"
}

console "$old"
olds=$(suite "$old" "$old/target")
news=$(suite . "$PWD/target")
cp "$old/target/debug/nuanfang-process" build/matrix/old-server
cp target/debug/nuanfang-process build/matrix/new-server
# Two tests open the server's folder with the suite's own release, too: where the releases have different tables, the older is
# refused (`Newer`), as it must be.
skip=
tables() { ls "$1/server/migrations/sqlite"; }
[ "$(tables "$old")" = "$(tables .)" ] ||
    skip='--skip clocks::a_wrong_or_jumping_clock --skip clocks::what_was_done_in_a_run'
failed=0
with "$old" "$olds" "$old/target" build/matrix/new-server "phones of $1 and the server of this tree" || failed=1
with "$PWD" "$news" "$PWD/target" build/matrix/old-server "phones of this tree and the server of $1" || failed=1
exit "$failed"
