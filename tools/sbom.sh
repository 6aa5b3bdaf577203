#!/usr/bin/env bash
# Write dist/datacenter.cdx.json: what the image holds besides Python and Debian, as a CycloneDX bill of materials.
#
# It is made from a real installation of requirements-image.lock, so that it has licences and dependencies;
# the tool checks it against the schema of CycloneDX before it writes it.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$PWD/.venv/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/python" -m venv --without-pip "$work/image"
PIP_ROOT_USER_ACTION=ignore "$bin/python" -m pip --disable-pip-version-check --python "$work/image/bin/python" \
  install --quiet --no-deps --require-hashes --requirement requirements-image.lock
mkdir -p dist
"$bin/cyclonedx-py" environment --pyproject pyproject.toml --output-reproducible --validate \
  --output-file dist/datacenter.cdx.json "$work/image/bin/python"
echo "dist/datacenter.cdx.json: $(grep -c '"purl"' dist/datacenter.cdx.json) packages"
