# shellcheck shell=bash
# What every script here builds on, to be sourced: a scratch directory, clean-up in reverse order, servers that end with
# their script, free ports.
#
#   scratch                 sets $SCRATCH, a directory that is gone when the script ends
#   at_exit COMMAND...      runs at the end, whatever ends the script; the last one registered runs first
#   die MESSAGE             prints it and ends the script with status 1
#   serve SIGNAL USER LOG COMMAND...
#                           starts a server in a session of its own (Ctrl-C at the terminal is ours alone) and sets
#                           $SERVED to its pid; it gets SIGNAL should this shell die without its traps (kill -9)
#   stop PID SIGNAL [SEC]   sends the signal, waits up to SEC seconds (10), then kills; status 1 if it had to be killed
#   random_password         prints one
#   free_port               sets $PORT to a TCP port on which nothing listens. Another process may be faster: try again
#   certificate DIRECTORY   makes one there that signs itself, for localhost and 127.0.0.1: server.crt and server.key
#   many_files              lets this shell and its servers have as many open files as the system allows, up to 65536
#   as_user USER COMMAND... runs the command in / as that user if we are root, as ourselves otherwise

[[ -n ${SCRATCH_SH-} ]] && return
SCRATCH_SH=1
SCRATCH=""
AT_EXIT=()
MAIN_PID=$BASHPID

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

at_exit() { AT_EXIT+=("$(printf '%q ' "$@")"); }

run_at_exit() {
  local status=$? i
  [[ $BASHPID == "$MAIN_PID" ]] || return "$status" # a subshell inherits the trap, but owns nothing
  trap '' INT TERM
  trap - EXIT
  for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do eval "${AT_EXIT[i]}" || true; done
  [[ -n $SCRATCH ]] && rm -rf "$SCRATCH"
  exit "$status"
}
trap run_at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

scratch() {
  [[ -n $SCRATCH ]] && return
  SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pgchaperone.XXXXXX") || die "no temporary directory"
  chmod 711 "$SCRATCH" # the server's user passes through; each part below has its own mode
}

certificate() {
  mkdir -p "$1"
  (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext 'subjectAltName = DNS:localhost,IP:127.0.0.1' -keyout "$1/server.key" -out "$1/server.crt") 2> /dev/null ||
    die "openssl makes no certificate"
}

many_files() {
  local most
  most=$(ulimit -Hn)
  [[ $most != unlimited ]] && ((most < 65536)) || most=65536
  ulimit -Sn "$most"
}

# Prints nothing for ourselves, else setpriv's options to become the user.
become() {
  if ((EUID == 0)) && [[ $1 != root ]]; then
    echo "--reuid=$(id -u "$1") --regid=$(id -g "$1") --init-groups"
  fi
}

as_user() {
  local -a options
  read -ra options <<< "$(become "$1")"
  shift
  (cd / && exec setpriv "${options[@]}" -- "$@")
}

serve() {
  local signal=$1 log=$3
  local -a options
  read -ra options <<< "$(become "$2")"
  shift 3
  (cd / && exec setsid setpriv "${options[@]}" --pdeathsig "$signal" -- "$@") > "$log" 2>&1 < /dev/null &
  SERVED=$!
  disown "$SERVED"
}

alive() { [[ -r /proc/$1/stat && $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2> /dev/null) != Z ]]; }

stop() {
  local pid=$1 signal=$2 tenths=$((${3:-10} * 10))
  [[ -n $pid ]] || return 0
  kill -s "$signal" "$pid" 2> /dev/null || return 0
  while alive "$pid"; do
    if ((tenths-- == 0)); then
      kill -s KILL "$pid" 2> /dev/null
      return 1
    fi
    sleep 0.1
  done
}

random_password() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }

# Below the range that the kernel hands to outgoing connections (32768 and up), so that only servers compete.
free_port() {
  for _ in {1..100}; do
    PORT=$((15000 + RANDOM % 15000))
    (exec 3<> "/dev/tcp/127.0.0.1/$PORT") 2> /dev/null || return 0
  done
  die "no free TCP port"
}
