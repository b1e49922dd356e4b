#!/bin/sh
# Requests made from the server's own descriptions of its API, right ones and wrong ones, against a server with a played
# day: none may be answered with a 5xx, with a status, a content type or a body that its description does not know.
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
"$bin/nuanfang" openapi >"$work/office.json"
"$bin/nuanfang" openapi --phones >"$work/phones.json"
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
tried() { # WHO DESCRIPTION SCHEMATHESIS-ARGUMENTS
    who=$1; description=$2; shift 2
    "$tool/bin/schemathesis" --config-file "$work/$who/schemathesis.toml" run "$work/$description.json" --url "$url" \
        --checks not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance \
        --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-40}" --continue-on-failure --seed "${SEED:-598}" \
        --request-timeout 20 --generation-database none --output-sanitize false --warnings off --no-color \
        --suppress-health-check all --report junit --report-junit-path "$work/$who/junit.xml" "$@" \
        >"$work/$who/log" 2>&1 || failed="$failed $who"
    sed -n '/=\+ SUMMARY/,$p' "$work/$who/log"
}
echo '==> phone'
mkdir -p "$work/phone"
python3 "$here/phone.py" "$url" admin "$password" "$work/phone"
# One device may come a hundred times a second; beyond that it is turned away, with a 503.
tried phone phones --rate-limit 90/s --header "Authorization: Bearer $(cat "$work/phone/token")"
# The tries were a device's only if its token still holds.
status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'content-type: application/json' \
    -H "Authorization: Bearer $(cat "$work/phone/token")" --data-binary "@$work/phone/sync.json" "$url/v1/sync")
[ "$status" = 200 ] || { echo "the phone's token: /v1/sync answered $status"; failed="$failed token"; }
# The stream of the board never ends, and who logs out or changes his password gets no further: those three are the
# console's journeys' to try. One login after the other; who may do much comes before who may end it.
still='--exclude-path /api/board/events --exclude-operation-id log_out --exclude-operation-id change_password'
for login in zhuguan admin; do
    echo "==> $login"
    mkdir -p "$work/$login"
    python3 "$here/prepare.py" "$url" "$login" "$password" "$work/$login"
    # shellcheck disable=SC2086
    tried "$login" office --header "Cookie: $(cat "$work/$login/cookie")" --header 'x-nuanfang: 1' $still
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
