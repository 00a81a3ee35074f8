# shellcheck shell=bash
# A throwaway PgBouncer in session mode in front of the throwaway PostgreSQL, to be sourced after postgres.sh.
#
#   pgbouncer_start ROLE...   for these roles of the server; sets PGBOUNCER_PORT PGBOUNCER_PID
#   pgbouncer_uri USER PASSWORD DATABASE
# PGBOUNCER_TLS is a directory with server.crt and server.key, where clients shall encrypt.

pgbouncer_start() {
  local user=postgres directory=$SCRATCH/pgbouncer roles tls=""
  ((EUID == 0)) || user=$(id -un)
  install -d -m 700 -o "$user" "$directory"
  if [[ -n ${PGBOUNCER_TLS-} ]]; then
    cp "$PGBOUNCER_TLS"/server.{crt,key} "$directory"
    tls="client_tls_sslmode = require
client_tls_cert_file = $directory/server.crt
client_tls_key_file = $directory/server.key"
  fi
  roles=$(printf "'%s'," "$@")
  # The server's own secrets, so that the keys of a client's login serve for PgBouncer's as well.
  postgres_sql postgres -Atc "SELECT format('\"%s\" \"%s\"', rolname, rolpassword) FROM pg_authid WHERE rolname IN (${roles%,})" \
    > "$directory/users.txt"
  for _ in {1..5}; do
    free_port
    PGBOUNCER_PORT=$PORT
    cat > "$directory/pgbouncer.ini" << INI
[databases]
* = host=$POSTGRES_HOST port=$POSTGRES_PORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $PGBOUNCER_PORT
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $directory/users.txt
pool_mode = session
max_client_conn = 2000
default_pool_size = 2000
server_tls_sslmode = disable
$tls
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_stats = 0
INI
    chown "$user" "$directory"/*
    serve INT "$user" "$SCRATCH/pgbouncer.log" /usr/sbin/pgbouncer "$directory/pgbouncer.ini"
    PGBOUNCER_PID=$SERVED
    for _ in {1..50}; do
      alive "$PGBOUNCER_PID" || break
      if (exec 3<> "/dev/tcp/127.0.0.1/$PGBOUNCER_PORT") 2> /dev/null; then
        at_exit stop "$PGBOUNCER_PID" INT 5
        return
      fi
      sleep 0.1
    done
  done
  cat "$SCRATCH/pgbouncer.log" >&2
  die "PgBouncer does not start"
}

pgbouncer_uri() { echo "postgresql://$1:$2@127.0.0.1:$PGBOUNCER_PORT/$3"; }
