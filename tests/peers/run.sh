#!/bin/sh
# Two servers that take documents over HTTP take the batches that B1 measures ours with, turn about, and a table follows.
# run.sh BENCH: the release build of nuanfang-bench. ROUNDS says how often.
set -eu
[ $# = 1 ] || { echo 'usage: run.sh BENCH' >&2; exit 2; }
bench=$(realpath "$1")
cd "$(dirname "$0")/../.."
here=$PWD/tests/peers
there=$PWD/build/peers
rounds=${ROUNDS:-3}
mkdir -p "$there/bench"

if ! cmp -s "$here/pouchdb/package-lock.json" "$there/pouchdb.installed"; then
    echo '==> installing PouchDB and its express server'
    rm -rf "$there/pouchdb"
    mkdir "$there/pouchdb"
    cp "$here/pouchdb/package.json" "$here/pouchdb/package-lock.json" "$here/pouchdb/.npmrc" "$there/pouchdb"
    (cd "$there/pouchdb" && npm ci --silent)
    cp "$here/pouchdb/package-lock.json" "$there/pouchdb.installed"
fi
if ! cmp -s "$here/kinto/requirements.txt" "$there/kinto.installed"; then
    echo '==> installing Kinto'
    rm -rf "$there/kinto"
    python3 -m venv "$there/kinto"
    "$there/kinto/bin/pip" install --quiet --no-deps -r "$here/kinto/requirements.txt"
    cp "$here/kinto/requirements.txt" "$there/kinto.installed"
fi
rustc --edition 2024 -O -o "$there/load" "$here/load.rs"

server=
stop() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    server=
}
trap stop EXIT
trap 'exit 130' INT TERM

pouchdb() {
    NODE_ENV=production NODE_PATH=$there/pouchdb/node_modules exec node "$here/pouchdb/server.js" "$1" "$there/data"
}

kinto() {
    exec "$there/kinto/bin/pserve" "$here/kinto/kinto.ini" "http_port=$1"
}

# peer NAME BATCHES: documents a second, and what of one core the load took, when each client sends so many batches.
peer() {
    rm -rf "$there/data"
    mkdir "$there/data"
    port=$("$there/load" port)
    "$1" "$port" >"$there/$1.log" 2>&1 &
    server=$!
    "$there/load" "$1" "$port" "$2" || { tail -n 20 "$there/$1.log" >&2; exit 1; }
    stop
    rm -rf "$there/data"
}

: >"$there/rounds"
for round in $(seq "$rounds"); do
    echo "==> round $round of $rounds" >&2
    # A folder of its own keeps a single repeat out of the bench.json that the figures are read from.
    CARGO_TARGET_DIR=$there/bench "$bench" B1 --repeats 1 >"$there/nuanfang.log"
    # B1 sends forty batches a client; as many would keep these two busy for minutes each time.
    peer pouchdb 10 >"$there/pouchdb.rate"
    peer kinto 3 >"$there/kinto.rate"
    ours=$(python3 -c 'import json, sys; [b1] = json.load(sys.stdin); print(b1["value"] * b1["probe"])' <"$there/bench/bench.json")
    echo "$ours $(cat "$there/pouchdb.rate") $(cat "$there/kinto.rate")" | tee -a "$there/rounds" >&2
done
head -n 1 "$there/nuanfang.log"
echo
python3 "$here/table.py" "$there/rounds"
