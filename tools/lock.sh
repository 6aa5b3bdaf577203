#!/usr/bin/env bash
# Write requirements.lock anew from pyproject.toml: every dependency at its newest fitting version, with hashes.
#
# The lock holds no address of an index, so that it works wherever packages come from.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || {
  echo "lock: uv is needed for this one target: pip install uv" >&2
  exit 1
}
uv pip compile pyproject.toml --quiet --upgrade --all-extras --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock
if grep -nE '://' requirements.lock; then
  echo "lock: an address got into requirements.lock" >&2
  exit 1
fi
