#!/bin/sh
# Requests made from the server's own description of its API, right ones and wrong ones, against a server with a played
# day: none may be answered with a 5xx, with a status, a content type or a body that the description does not know.
#   run.sh [FOLDER OF nuanfang AND nuanfang-demo]; EXAMPLES sets how many tries an operation gets in each phase.
set -eu
bin=$(cd "${1:-target/debug}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
tool=build/schemathesis
work=build/schemathesis-run
port=${PORT:-18099}
url=http://127.0.0.1:$port

if ! cmp -s "$here/requirements.txt" "$tool/requirements.txt"; then
    echo '==> installing schemathesis'
    python3 -m venv --clear "$tool"
    "$tool/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$tool/requirements.txt"
fi

rm -rf "$work" && mkdir -p "$work"
"$bin/nuanfang" openapi >"$work/openapi.json"
echo '==> playing the day'
"$bin/nuanfang-demo" --data "$work/data" --listen "127.0.0.1:$port" >"$work/demo.log" 2>&1 &
demo=$!
trap 'kill "$demo" 2>/dev/null || true; wait "$demo" 2>/dev/null || true' EXIT
# The logins are told when the day stands.
until grep -q '^密码 password' "$work/demo.log"; do
    kill -0 "$demo" 2>/dev/null || { cat "$work/demo.log" >&2; exit 1; }
    sleep 1
done
password=$(sed -n 's/^密码 password *//p' "$work/demo.log")

failed=
tried() { # LOGIN SCHEMATHESIS-ARGUMENTS
    login=$1; shift
    echo "==> $login"
    mkdir -p "$work/$login"
    python3 "$here/prepare.py" "$url" "$login" "$password" "$work/$login"
    "$tool/bin/schemathesis" --config-file "$work/$login/schemathesis.toml" run "$work/openapi.json" --url "$url" \
        --header "Cookie: $(cat "$work/$login/cookie")" --header 'x-nuanfang: 1' \
        --checks not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance \
        --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-40}" --continue-on-failure --seed "${SEED:-598}" \
        --request-timeout 20 --generation-database none --output-sanitize false --warnings off --no-color \
        --suppress-health-check all --report junit --report-junit-path "$work/$login/junit.xml" "$@" \
        >"$work/$login/log" 2>&1 || failed="$failed $login"
    sed -n '/=\+ SUMMARY/,$p' "$work/$login/log"
}
# The stream of the board never ends, and who logs out or changes his password gets no further: those three are the
# console's journeys' to try. One login after the other; who may do much comes before who may end it.
still='--exclude-path /api/board/events --exclude-operation-id log_out --exclude-operation-id change_password'
# shellcheck disable=SC2086
for login in zhuguan admin; do
    tried "$login" $still
done
# A device that is not one: what it sends is refused, never a fault.
for path in /v1/enrol /v1/challenge /v1/token /v1/sync; do
    for body in '' '{' 'null' '[]' '{"device":1}' '"\ud800"'; do
        status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'content-type: application/json' -d "$body" "$url$path")
        case $status in
            4??) ;;
            *) echo "$path answered $status to $body"; failed="$failed $path" ;;
        esac
    done
done
if grep -E 'panicked|request failed' "$work/demo.log"; then failed="$failed demo.log"; fi
[ -z "$failed" ] || { echo "not as described:$failed; see $work/*/log" >&2; exit 1; }
echo 'as described'
