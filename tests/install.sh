#!/usr/bin/env bash
# Installs what building (tier "build") or also testing (tier "test", the default) needs on Debian 12.
#
#   tests/install.sh [build|test]
#
# Needs root, or sudo where something is missing. Does nothing, quickly, when all is there.
set -euo pipefail

build=(
  g++ cmake ninja-build pkg-config git
  libboost1.81-dev libboost-json1.81-dev libpg-query-dev postgresql-server-dev-15 libssl-dev openssl libyaml-cpp-dev
  prometheus-cpp-dev libfmt-dev libspdlog-dev libcli11-dev libidn-dev liburing-dev
  postgresql-15 postgresql-client-15
)
test=(
  libgtest-dev libgmock-dev libbenchmark-dev clang-16 libclang-rt-16-dev clang-format-16 clang-tidy-16 shellcheck
  pgbouncer python3 python3-psycopg python3-psycopg2 python3-asyncpg python3-sqlalchemy openjdk-17-jdk-headless libpostgresql-jdbc-java nodejs
  bison flex dpkg-dev libreadline-dev zlib1g-dev
)

case ${1-test} in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${build[@]}" "${test[@]}") ;;
  *)
    sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac

missing_packages() {
  local package
  local -A have=()
  while read -r package; do have[$package]=1; done < <(
    dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2> /dev/null | sed -n 's/^installed //p')
  for package in "${wanted[@]}"; do [[ -v have[$package] ]] || echo "$package"; done
  # Debian's node has no npm, but its own package of the driver; another node.js has npm, which fetches the driver.
  if [[ ${1-} == test && -z $(type -P npm) ]]; then
    dpkg-query -W -f='${db:Status-Status}' node-pg 2> /dev/null | grep -qx installed || echo node-pg
  fi
}

exec {lock}< "$0" # one at a time; this file is the lock
flock -n "$lock" || {
  echo "install: another run is at work, waiting for it"
  flock "$lock"
}
mapfile -t missing < <(missing_packages "${1-test}")
if ((${#missing[@]} == 0)); then
  echo "install: every package is there"
  exit 0
fi

# shellcheck source=/dev/null
. /etc/os-release
if [[ ${ID-} != debian || ${VERSION_ID-} != 12 ]]; then
  echo "install: this is ${PRETTY_NAME-unknown}; the packages are those of Debian 12. Missing here: ${missing[*]}" >&2
  exit 1
fi
root=()
if ((EUID != 0)); then
  type -P sudo > /dev/null || {
    echo "install: needs root or sudo to install: ${missing[*]}" >&2
    exit 1
  }
  root=(sudo)
fi
apt() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 "$@"
}

echo "install: ${#missing[@]} packages are missing (1 to 4 minutes): ${missing[*]}"
# While these two files are there, PostgreSQL makes no cluster of its own when it is installed, and no service is started.
no_cluster=/etc/postgresql-common/createcluster.d/pgchaperone.conf
no_start=/usr/sbin/policy-rc.d
made=()
make_file() { # path mode text
  [[ -e $1 ]] && return
  "${root[@]}" install -d "${1%/*}"
  printf '%s\n' "$3" | "${root[@]}" tee "$1" > /dev/null
  "${root[@]}" chmod "$2" "$1"
  made+=("$1")
}
clean_up() {
  ((${#made[@]})) || return 0
  "${root[@]}" rm -f "${made[@]}"
  "${root[@]}" rmdir --ignore-fail-on-non-empty "${no_cluster%/*}"
}
trap clean_up EXIT
make_file "$no_cluster" 644 'create_main_cluster = false'
make_file "$no_start" 755 $'#!/bin/sh\nexit 101'
log=$(mktemp)
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; } > "$log" 2>&1; then
  tail -n 40 "$log" >&2
  rm -f "$log"
  echo "install: apt-get failed" >&2
  exit 1
fi
rm -f "$log"
if [[ " ${missing[*]} " == *" pgbouncer "* && -d /run/systemd/system ]]; then
  "${root[@]}" systemctl -q disable pgbouncer # the tests start their own
fi
mapfile -t missing < <(missing_packages "${1-test}")
if ((${#missing[@]})); then
  echo "install: still missing: ${missing[*]}" >&2
  exit 1
fi
echo "install: done"
