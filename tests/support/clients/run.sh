#!/usr/bin/env bash
# Runs each real client against two connection strings for one database and compares the transcripts byte for byte.
#
#   run.sh DIRECT_URI PROXY_URI [CLIENT...]
#
# Clients: psql psycopg3 psycopg2 asyncpg node jdbc (all), with the scripts of the folder CLIENT_SCRIPTS (this one, or enforced: see
# shop.sql, and exceptions.sed for what may differ); and the tools of tools/: pg postgres.js knex sequelize drizzle sqlalchemy
# mcp-postgres mcp-dbhub. A line each; exit status 1 if one differs, or fails direct.
set -uo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONDONTWRITEBYTECODE=1
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/${CLIENT_SCRIPTS:-.}" || exit 2
(($# >= 2)) || { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 2; }
direct=$1 proxy=$2
shift 2
(($#)) || set -- psql psycopg3 psycopg2 asyncpg node jdbc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian's own package of the driver, or what package-lock.json says, fetched once.
node_modules() {
  local cache=$here/../../../build/clients
  export NODE_PATH=/usr/share/nodejs
  (cd / && node -e 'require("pg")') 2> /dev/null && return
  mkdir -p "$cache" && cp "$here"/package*.json "$cache/" || return 1
  NODE_PATH=$(cd "$cache" && pwd)/node_modules
  cmp -s "$here/package-lock.json" "$cache/installed" && return
  (cd "$cache" && npm ci --silent --no-audit --no-fund && cp package-lock.json installed)
}

transcript() { # NAME URI
  local -a program
  case $1 in
    psql) program=(./psql.sh) ;;
    psycopg3) program=(/usr/bin/python3 psycopg3.py) ;;
    psycopg2) program=(/usr/bin/python3 psycopg2_client.py) ;;
    asyncpg) program=(/usr/bin/python3 asyncpg_client.py) ;;
    node)
      node_modules || return
      program=(node node_client.js)
      ;;
    jdbc) program=(java -cp /usr/share/java/postgresql.jar JdbcClient.java) ;;
    sqlalchemy) program=(/usr/bin/python3 "$here/tools/sqlalchemy_client.py") ;;
    pg | postgres.js | knex | sequelize | drizzle | mcp-*)
      NODE_PATH=$("$here/tools/install.sh") || return
      export NODE_PATH
      program=(node "$here/tools/orm.js" "$1")
      [[ $1 == mcp-* ]] && program=(/usr/bin/python3 "$here/tools/mcp.py" "${1#mcp-}")
      ;;
    *) echo "no client $1" && return 2 ;;
  esac
  timeout 120 "${program[@]}" "$2" || {
    echo "ends with status $?"
    return 1
  }
}

# Prints how many lines differ for a known reason.
excepted() {
  local count=0
  if [[ -f exceptions.sed ]]; then
    sed -E -f exceptions.sed -i.as_it_was "$work/direct" "$work/proxy"
    count=$(diff -a "$work/direct.as_it_was" "$work/proxy.as_it_was" | grep -ac '^>')
  fi
  ((count == 0)) || echo ", $count of them but for what exceptions.sed says"
}

status=0
for name in "$@"; do
  if ! transcript "$name" "$direct" > "$work/direct" 2>&1; then
    echo "FAIL  $name does not work direct:"
    tail -n 15 "$work/direct"
    status=1
    continue
  fi
  transcript "$name" "$proxy" > "$work/proxy" 2>&1
  exceptions=$(excepted)
  if diff -a -U3 --label "$name direct" --label "$name through the proxy" "$work/direct" "$work/proxy" > "$work/diff"; then
    echo "ok    $name: $(wc -l < "$work/direct") lines the same$exceptions"
  else
    echo "FAIL  $name differs:"
    head -n 60 "$work/diff"
    status=1
  fi
done
exit "$status"
