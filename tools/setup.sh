#!/bin/sh
# Set up the project's own environment: $VENV with the tested versions and the package itself, editable.
# uv does the work: the one on PATH, else one installed into $VENV. Called by the Makefile.
set -eu

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

fail() {
    echo "iper-bench set-up: $1" >&2
    exit 2
}

command -v "$PYTHON" >/dev/null 2>&1 || fail "no '$PYTHON' on PATH; expected Python 3.11 or newer; try: make PYTHON=/path/to/python"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$PYTHON is $("$PYTHON" -V 2>&1); expected Python 3.11 or newer; try: make PYTHON=python3.11"

if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    UV=uv
    [ -x "$VENV/bin/python" ] || uv venv --quiet --python "$PYTHON" "$VENV"
else
    UV="$VENV/bin/uv"
    [ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV" ||
        fail "'$PYTHON -m venv' failed; on Debian and Ubuntu type: apt install python3-venv"
    if [ ! -x "$UV" ]; then
        # An environment made by another uv has no pip of its own.
        "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || "$VENV/bin/python" -m ensurepip >/dev/null
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
    fi
fi

# VIRTUAL_ENV of a caller must not redirect the installation, hence --python.
"$UV" pip install --python "$VENV/bin/python" --constraint constraints.txt --build-constraint constraints.txt \
    --editable '.[test]'
