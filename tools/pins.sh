#!/bin/sh
# Write constraints.txt anew: what is installed in $VENV, and what the extras would add to it. Names and versions only, no index
# addresses; the comment at its head is kept. Versions of the extras stay as they are until their line is deleted.
set -eu

VENV=${VENV:-.venv}
UV=$(command -v uv || echo "$VENV/bin/uv")
# Every gradio needs an older pillow than the one that is pinned (docs/dependencies.md).
UNPINNED=study

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$UV" pip freeze --python "$VENV/bin/python" --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ /]+$' | grep -vE '^(uv|pip)==' >"$work/installed"
extras=$("$VENV/bin/python" -c '
import sys, tomllib
with open("pyproject.toml", "rb") as file:
    names = tomllib.load(file)["project"]["optional-dependencies"]
print(*(f"--extra={name}" for name in names if name not in sys.argv[1:]))' $UNPINNED)
# uv prefers the versions that it finds in its output file.
cp constraints.txt "$work/all"
# shellcheck disable=SC2086 # one word per extra
"$UV" pip compile --quiet --python "$VENV/bin/python" --constraint "$work/installed" --no-header --no-annotate $extras \
    --output-file "$work/all" pyproject.toml
{
    sed -n '/^#/p' constraints.txt
    cat "$work/installed" "$work/all" | grep -E '^[A-Za-z0-9._-]+==[^ /]+$' | LC_ALL=C sort -u -t = -k 1,1
    echo "uv==$("$UV" --version | cut -d ' ' -f 2)"
} >constraints.new
mv constraints.new constraints.txt
