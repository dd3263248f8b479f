#!/bin/sh
# Write constraints.txt anew from what is installed in $VENV: names and versions only, the comment at its head is kept.
set -eu

VENV=${VENV:-.venv}
UV=$(command -v uv || echo "$VENV/bin/uv")
versions=$("$UV" pip freeze --python "$VENV/bin/python" --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ /]+$' | grep -v '^uv==')
{
    sed -n '/^#/p' constraints.txt
    echo "$versions"
    echo "uv==$("$UV" --version | cut -d ' ' -f 2)"
} >constraints.new
mv constraints.new constraints.txt
