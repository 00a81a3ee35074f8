# shellcheck shell=bash
# A throwaway pgchaperone, to be sourced: configuration, secrets and audit log in the scratch directory, free loopback
# ports; gone when the script ends.
#
#   chaperone_agent NAME PASSWORD
#   chaperone_database NAME SERVER DATABASE ROLE PASSWORD    SERVER is host:port or unix:/directory:port; all before
#   chaperone_leases NAME SERVER DATABASE BROKER PASSWORD [LIFETIME]    the same with a role for each session (session_role)
#   chaperone_start                  starts it, and sets
#       CHAPERONE_HOST CHAPERONE_PORT CHAPERONE_ADMIN_PORT CHAPERONE_PID CHAPERONE_CONFIG CHAPERONE_AUDIT (the file;
#       with * behind it, also those that it was rotated to)
#   chaperone_restart                starts it again as it was, after its end
#   chaperone_stop                   drains and ends it
#   chaperone_uri AGENT PASSWORD DATABASE    prints a connection string
# PGCHAPERONE is the program (build/release/pgchaperone); CHAPERONE_DURABILITY none, batch (default) or sync;
# CHAPERONE_TLS is a directory with server.crt and server.key, where clients shall encrypt.
# CHAPERONE_IDENTITY is other YAML for its `identity`, CHAPERONE_EXTRA more for its end. Several can run at once: set CHAPERONE_NAME to another name
# and CHAPERONE_DATABASES to nothing before the next one's first call.

# shellcheck source=tests/support/scratch.sh
source "$(dirname "${BASH_SOURCE[0]}")/scratch.sh"
: "${PGCHAPERONE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/release/pgchaperone}"
: "${CHAPERONE_DURABILITY:=batch}"
: "${CHAPERONE_CONNECTIONS:=1100}"
: "${CHAPERONE_IDENTITY:=}"
: "${CHAPERONE_EXTRA:=}"
: "${CHAPERONE_NAME:=chaperone}"
CHAPERONE_HOST=127.0.0.1
CHAPERONE_PID=""
CHAPERONE_DATABASES=""

chaperone_directory() {
  scratch
  CHAPERONE_DIRECTORY=$SCRATCH/$CHAPERONE_NAME
  CHAPERONE_CONFIG=$CHAPERONE_DIRECTORY/chaperone.yaml
  # shellcheck disable=SC2034 # for whoever sources this
  CHAPERONE_AUDIT=$CHAPERONE_DIRECTORY/audit.jsonl
  install -d -m 700 "$CHAPERONE_DIRECTORY" "$CHAPERONE_DIRECTORY/state"
}

chaperone_agent() {
  chaperone_directory
  [[ -x $PGCHAPERONE ]] || die "$PGCHAPERONE is not built"
  (umask 077 && printf '%s\n' "$2" | "$PGCHAPERONE" password "$1" >> "$CHAPERONE_DIRECTORY/passwords") ||
    die "pgchaperone password $1 failed"
}

chaperone_database() {
  chaperone_entry "$@" && CHAPERONE_DATABASES+="
      insecure_static:
        role: $4
        password_file: $file"
}

chaperone_leases() {
  chaperone_entry "$@" && CHAPERONE_DATABASES+="
      session_role:
        broker: $4
        password_file: $file
        lifetime: ${6:-15m}"
}

# Leaves the name of the file with the password in $file.
chaperone_entry() {
  local number tls="
    tls:
      mode: insecure_disable"
  chaperone_directory
  number=$(grep -c 'server:' <<< "$CHAPERONE_DATABASES" || true)
  [[ $2 == unix:* ]] && tls=""
  file=role$number.password
  (umask 077 && printf '%s\n' "$5" > "$CHAPERONE_DIRECTORY/$file")
  CHAPERONE_DATABASES+="
  \"$1\":
    server: $2${3:+
    database: $3}$tls
    credential:"
}

chaperone_write_config() {
  (umask 077 && cat > "$CHAPERONE_CONFIG") << YAML
state: state
listen:
  - address: $CHAPERONE_HOST:$CHAPERONE_PORT${CHAPERONE_TLS:+
    tls: {certificate: $CHAPERONE_TLS/server.crt, key: $CHAPERONE_TLS/server.key\}}
admin:
  address: $CHAPERONE_HOST:$CHAPERONE_ADMIN_PORT
databases:$CHAPERONE_DATABASES
identity:
  ${CHAPERONE_IDENTITY:-default: scram
  passwords: passwords}
audit:
  durability: $CHAPERONE_DURABILITY
  sinks:
    - file: audit.jsonl
limits:
  connections: $CHAPERONE_CONNECTIONS
  drain: 2s
$CHAPERONE_EXTRA
YAML
}

chaperone_start() {
  [[ -x $PGCHAPERONE ]] || die "$PGCHAPERONE is not built"
  chaperone_directory
  for _ in {1..5}; do
    free_port
    CHAPERONE_PORT=$PORT
    free_port
    CHAPERONE_ADMIN_PORT=$PORT
    chaperone_write_config
    chaperone_launch && return
    grep -qi 'address already in use' "$SCRATCH/$CHAPERONE_NAME.log" || break
  done
  cat "$SCRATCH/$CHAPERONE_NAME.log" >&2
  die "pgchaperone does not start"
}

chaperone_restart() {
  chaperone_launch && return
  cat "$SCRATCH/$CHAPERONE_NAME.log" >&2
  die "pgchaperone does not start again"
}

chaperone_launch() {
  serve TERM "$(id -un)" "$SCRATCH/$CHAPERONE_NAME.log" "$PGCHAPERONE" serve --config "$CHAPERONE_CONFIG"
  CHAPERONE_PID=$SERVED
  for _ in {1..100}; do
    alive "$CHAPERONE_PID" || return 1
    # The port may answer for another program; then ours has ended for want of it.
    if chaperone_ready && alive "$CHAPERONE_PID"; then
      at_exit stop "$CHAPERONE_PID" TERM
      return
    fi
    sleep 0.1
  done
  stop "$CHAPERONE_PID" TERM 1 || true
  return 1
}

chaperone_ready() {
  (
    exec 3<> "/dev/tcp/$CHAPERONE_HOST/$CHAPERONE_ADMIN_PORT" || exit 1
    printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    read -r -t 2 -u 3 _ status _ && [[ $status == 200 ]]
  ) 2> /dev/null
}

chaperone_stop() {
  stop "$CHAPERONE_PID" TERM || true
  CHAPERONE_PID=""
}

chaperone_uri() { echo "postgresql://$1:$2@$CHAPERONE_HOST:$CHAPERONE_PORT/$3"; }
