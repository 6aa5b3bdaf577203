#!/usr/bin/env bash
# Write new lock files from pyproject.toml: every dependency at its newest suitable version, with hashes.
#
# They hold no address of an index, so that they work with any source of packages.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || {
  echo "lock: this target needs uv: pip install uv" >&2
  exit 1
}
compile() { # SOURCE… --output-file LOCK
  uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links "$@"
}

compile pyproject.toml --all-extras --upgrade --output-file requirements.lock
# What the image holds and what it is built with, at the same versions.
compile pyproject.toml --extra embedded --extra tracing --constraint requirements.lock --output-file requirements-image.lock
compile --group image-build --constraint requirements.lock --output-file requirements-build.lock
if grep -nE '://' requirements*.lock; then
  echo "lock: a lock file holds an address of an index; remove it" >&2
  exit 1
fi
