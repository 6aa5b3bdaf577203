#!/usr/bin/env bash
# Make the virtual environment in .venv with exactly what requirements.lock names, and the project itself in it.
#
# Needs a Python of at least 3.11 and nothing else; no root, nothing outside the project's directory.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

suitable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=
for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
  if suitable "$candidate"; then python=$candidate && break; fi
done
[ -n "$python" ] || fail "Python 3.11 or newer is needed; \`${PYTHON:-python3}\` is $("${PYTHON:-python3}" --version 2>&1 || true). Set PYTHON=… to another one"

if ! [ -x .venv/bin/python ] || ! suitable .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  echo "setup: virtual environment in .venv"
  rm -rf .venv
  if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv .venv
  elif "$python" -m pip --version >/dev/null 2>&1; then
    # Debian without python3-venv but with python3-pip: another Python's pip can fill the environment.
    "$python" -m venv --without-pip .venv
    "$python" -m pip --python .venv/bin/python install -q --disable-pip-version-check pip
  else
    fail "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"
  fi
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }

echo "setup: pinned dependencies; the first time this takes some minutes, without output"
# As root pip would print a warning; here it writes only into .venv.
export PIP_ROOT_USER_ACTION=ignore
pip install -q --require-hashes -r requirements.lock
pip install -q --no-deps --no-build-isolation -e .
