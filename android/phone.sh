#!/bin/sh
# The phone's screens in a window: phone.sh --data DIR [--invitation TEXT] [--language zh|en] [--font-scale 1.3]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
"$here/build.sh" package -DskipTests
exec java -Djna.library.path="$target/debug" -cp "$here/desktop/target/desktop-0.1.0.jar:$here/desktop/target/lib/*" \
    cn.nuanfang.desktop.MainKt "$@"
