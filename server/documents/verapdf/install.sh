#!/bin/sh
# Fetches what tests/validators.rs checks the documents with, into target/ and nowhere else: veraPDF from Maven Central,
# pyHanko from PyPI. Run again, it does nothing.
# Needs: apt-get install default-jdk-headless maven python3-venv poppler-utils
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../../target}/validators
mkdir -p "$target"

if [ ! -f "$target/verapdf/greenfield-apps-1.28.2.jar" ]; then
  mvn -q -B -ntp -f "$here/pom.xml" dependency:copy-dependencies -DincludeTransitive=false \
    -DoutputDirectory="$target/verapdf"
fi
if ! "$target/python/bin/python" -c 'import pyhanko' 2>/dev/null; then
  python3 -m venv "$target/python"
  "$target/python/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
fi
