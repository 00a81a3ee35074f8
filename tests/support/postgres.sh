# shellcheck shell=bash
# A throwaway PostgreSQL, to be sourced: own data directory, unprivileged user, free loopback port and a Unix socket,
# SCRAM passwords; gone when the script ends.
#
#   postgres_start [NAME=VALUE...]   starts it with these settings on top of ours, and sets
#       POSTGRES_HOST POSTGRES_PORT POSTGRES_SOCKET (a directory) POSTGRES_PID POSTGRES_PASSWORD (of the superuser postgres)
#   postgres_stop                    ends it before the script does
#   postgres_role NAME PASSWORD [ATTRIBUTES]
#   postgres_database NAME OWNER
#   postgres_sql DATABASE [psql arguments]    as superuser, with psql's status; SQL from -c, -f or standard input
#   postgres_uri USER PASSWORD DATABASE       prints a connection string
# POSTGRES_BIN is where the server's programs are; POSTGRES_INITDB holds initdb's locale and encoding.

# shellcheck source=tests/support/scratch.sh
source "$(dirname "${BASH_SOURCE[0]}")/scratch.sh"
: "${POSTGRES_BIN:=/usr/lib/postgresql/15/bin}"
: "${POSTGRES_INITDB:=--locale=C.UTF-8 --encoding=UTF8}"
POSTGRES_HOST=127.0.0.1
POSTGRES_PID=""

POSTGRES_PSQL=(env -u PGOPTIONS -u PGSERVICE -u PGSSLMODE "$POSTGRES_BIN/psql" -X -q -v ON_ERROR_STOP=1)

postgres_start() {
  local user=postgres data setting
  local -a settings=() initdb
  [[ -x $POSTGRES_BIN/postgres ]] || die "no PostgreSQL server in $POSTGRES_BIN (tests/install.sh installs it)"
  ((EUID == 0)) || user=$(id -un)
  scratch
  POSTGRES_SOCKET=$SCRATCH/postgres
  data=$POSTGRES_SOCKET/data
  POSTGRES_PASSWORD=$(random_password)
  install -d -m 711 -o "$user" "$POSTGRES_SOCKET"
  (umask 077 && echo "$POSTGRES_PASSWORD" > "$POSTGRES_SOCKET/password")
  chown "$user" "$POSTGRES_SOCKET/password"
  read -ra initdb <<< "$POSTGRES_INITDB"
  if ! as_user "$user" "$POSTGRES_BIN/initdb" --no-sync --auth=scram-sha-256 --username=postgres \
    --pwfile="$POSTGRES_SOCKET/password" "${initdb[@]}" "$data" > "$SCRATCH/initdb.log" 2>&1; then
    cat "$SCRATCH/initdb.log" >&2
    die "initdb failed"
  fi
  for setting in fsync=off full_page_writes=off jit=off listen_addresses=127.0.0.1 \
    unix_socket_directories="$POSTGRES_SOCKET" "$@"; do
    settings+=(-c "$setting")
  done
  for _ in {1..5}; do
    free_port
    POSTGRES_PORT=$PORT
    serve INT "$user" "$SCRATCH/postgres.log" "$POSTGRES_BIN/postgres" -D "$data" -p "$POSTGRES_PORT" "${settings[@]}"
    POSTGRES_PID=$SERVED
    if postgres_wait "$data"; then
      at_exit postgres_stop
      return
    fi
    stop "$POSTGRES_PID" QUIT || true
    grep -q 'Address already in use' "$SCRATCH/postgres.log" || break
  done
  cat "$SCRATCH/postgres.log" >&2
  die "PostgreSQL does not start"
}

# The last line of postmaster.pid says "ready" when our server, and no other, takes connections.
postgres_wait() {
  for _ in {1..300}; do
    alive "$POSTGRES_PID" || return 1
    [[ $(head -n 1 "$1/postmaster.pid" 2> /dev/null) == "$POSTGRES_PID" ]] &&
      grep -q '^ready' "$1/postmaster.pid" && return 0
    sleep 0.1
  done
  return 1
}

postgres_stop() {
  [[ -n $POSTGRES_PID ]] || return 0
  stop "$POSTGRES_PID" INT 20 || true
  POSTGRES_PID=""
  rm -rf "$POSTGRES_SOCKET"
}

postgres_sql() {
  local database=$1
  shift
  PGPASSWORD=$POSTGRES_PASSWORD "${POSTGRES_PSQL[@]}" -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U postgres -d "$database" "$@"
}

postgres_role() {
  postgres_sql postgres -v name="$1" -v password="$2" <<< "CREATE ROLE :\"name\" LOGIN PASSWORD :'password' ${3-};"
}

postgres_database() {
  postgres_sql postgres -v name="$1" -v owner="$2" <<< 'CREATE DATABASE :"name" OWNER :"owner";'
}

postgres_uri() { echo "postgresql://$1:$2@$POSTGRES_HOST:$POSTGRES_PORT/$3"; }
