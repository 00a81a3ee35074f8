#!/usr/bin/env bash
# Builds pgchaperone and shows it at work: a throwaway PostgreSQL with a small shop, pgchaperone in front of it with a policy, an
# agent with a token over TLS whose statements are allowed, narrowed and denied, each session in the database under a role of its
# own that is gone with it, and the records of them. Stays up for your own clients until Ctrl-C.
#
#   examples/quickstart.sh [--once]
#
#   --once   ends after the demonstration
#
# Debian 12, as root or with sudo. The first run takes about 8 minutes on 2 cores (packages 2, build 5), later ones some
# seconds. Every step is checked; the exit status is 1 if one is wrong. Nothing stays but the packages and build/.
set -euo pipefail
export LC_ALL=C.UTF-8
once=0
case ${1-} in
  '') ;;
  --once) once=1 ;;
  *)
    sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
    [[ $1 == -h || $1 == --help ]] && exit 0
    exit 2
    ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
# shellcheck source=tests/support/postgres.sh
source "$root/tests/support/postgres.sh"
# shellcheck source=tests/support/chaperone.sh
source "$root/tests/support/chaperone.sh"
# shellcheck source=tests/support/build.sh
source "$root/tests/support/build.sh"

bold='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
steps=9 step=0
indent() { sed 's/^/  /'; }
begin() {
  step=$((step + 1))
  printf '\n%s[%d/%d] %s%s\n' "$bold" "$step" "$steps" "$1" "$plain"
}
wrong() {
  echo >&2
  echo "quickstart: step $step is wrong: $1" >&2
  [[ -s ${SCRATCH:-/nowhere}/chaperone.log ]] && { echo "pgchaperone's log:"; tail -n 20 "$SCRATCH/chaperone.log"; } >&2
  exit 1
}

begin "packages (first time: about 2 minutes)"
"$root/tests/install.sh" build || wrong "the packages can't be installed"

begin "build (first time: about 5 minutes on 2 cores)"
build_tree release pgchaperone || wrong "the build"
echo "  build/release/pgchaperone, $("$PGCHAPERONE" version | head -n 1)"

begin "a throwaway PostgreSQL with a small shop (2 seconds)"
postgres_start max_connections=100
postgres_role shop_app "$(random_password)"
postgres_database shop shop_app
(echo 'SET ROLE shop_app;' && cat "$here/quickstart/shop.sql") | postgres_sql shop || wrong "shop.sql does not load"
[[ $(postgres_sql shop -Atc 'SELECT count(*) FROM tickets') == 5 ]] || wrong "the shop has not the tickets that it should have"
echo "  listens on $POSTGRES_HOST:$POSTGRES_PORT; customers, tickets, ticket_notes"

begin "what a DBA runs once: the broker, and exactly the grants that the policy needs"
chaperone_directory
cp "$here/quickstart/policy.yaml" "$CHAPERONE_DIRECTORY/policy.yaml"
"$PGCHAPERONE" token key --state "$CHAPERONE_DIRECTORY/state" > /dev/null || wrong "no key for tokens"
certificate "$SCRATCH/tls"
broker_password=$(random_password)
chaperone_leases shop "$POSTGRES_HOST:$POSTGRES_PORT" shop pgchaperone_broker "$broker_password"
export CHAPERONE_TLS=$SCRATCH/tls CHAPERONE_EXTRA="policy: policy.yaml"
export CHAPERONE_IDENTITY=$'default: token\n  tokens: [{keys: builtin}]'
CHAPERONE_PORT=1 CHAPERONE_ADMIN_PORT=2 chaperone_write_config # its own ports come with the start
"$PGCHAPERONE" broker sql --config "$CHAPERONE_CONFIG" --schema "$here/quickstart/shop.sql" > "$SCRATCH/broker.sql" ||
  wrong "broker sql"
postgres_sql shop -f "$SCRATCH/broker.sql" > "$SCRATCH/broker.log" 2>&1 || wrong "broker.sql: $(tail -n 3 "$SCRATCH/broker.log")"
postgres_sql shop -c "ALTER ROLE pgchaperone_broker PASSWORD '$broker_password'"
grep -a '^GRANT.*"agc_triage-tickets"' "$SCRATCH/broker.sql" | cut -c -160 | indent
may=$(postgres_sql shop -Atc "SELECT has_table_privilege('pgchaperone_broker', 'customers', 'SELECT'),
  has_column_privilege('agc_triage-tickets', 'customers', 'name', 'SELECT'), has_column_privilege('agc_triage-tickets', 'customers', 'ssn', 'SELECT')")
[[ $may == 'f|t|f' ]] || wrong "the privileges are not those of the policy: $may"
echo "  pgchaperone itself logs in as pgchaperone_broker, which may read nothing: it can only ask for such a role"

begin "pgchaperone in front of it: the policy, TLS, and a token for the agent"
chaperone_start
token=$("$PGCHAPERONE" token issue --config "$CHAPERONE_CONFIG" --agent triage-bot --actor alice@example.com --task TICKET-4711 \
  --claim tenant_id=7 --lifetime 12h) || wrong "no token"
uri="postgresql://triage-bot:$token@localhost:$CHAPERONE_PORT/shop?sslmode=verify-full&sslrootcert=$SCRATCH/tls/server.crt"
echo "  listens on $CHAPERONE_HOST:$CHAPERONE_PORT; agent triage-bot for alice@example.com, task TICKET-4711, tenant 7"
echo "  examples/quickstart/policy.yaml says what it may do; no secret of the database is in its hands"

until_gone() { # ROLE
  for _ in {1..100}; do
    [[ $(postgres_sql shop -Atc "SELECT count(*) FROM pg_roles WHERE rolname = '$1'") == 0 ]] && return
    sleep 0.1
  done
  wrong "role $1 is still there"
}

begin "psql through pgchaperone"
through() { # TITLE SQL: shows it and its result; the result is kept in $result
  printf '\n  %s\n  shop=> %s\n' "$bold$1$plain" "$2"
  result=$("$POSTGRES_BIN/psql" -X -P pager=off -v ON_ERROR_STOP=1 "$uri" -c "$2" 2>&1) || true
  indent <<< "$result"
}
through "allowed" "UPDATE tickets SET status = 'waiting' WHERE id = 1"
[[ $result == "UPDATE 1" ]] || wrong "the UPDATE did not change one row"
through "allowed; tenant and author are filled in" \
  "INSERT INTO ticket_notes (ticket_id, body) VALUES (1, 'Refund offered.') RETURNING id"
[[ $result == *"INSERT 0 1"* ]] || wrong "the INSERT did not make a row"
through "narrowed: another tenant's row is not there, addresses are masked" "SELECT * FROM customers ORDER BY id"
[[ $result == *"a***@example.com"*"(3 rows)"* && $result != *Dmitri* ]] || wrong "the SELECT was not narrowed"
through "denied" "SELECT name, ssn FROM customers"
[[ $result == *'triage-bot may not read column "ssn" of "customers"'* ]] || wrong "the SELECT of ssn was not denied"
through "denied: the way out of a read-only transaction" "BEGIN READ ONLY; COMMIT; DROP TABLE tickets"
[[ $result == *'triage-bot may not run DROP TABLE'* ]] || wrong "DROP TABLE was not denied"
[[ $(postgres_sql shop -Atc 'SELECT count(*) FROM tickets') == 5 ]] || wrong "the tickets are gone"

begin "what the database and its administrators see"
author=$(postgres_sql shop -Atc 'SELECT author FROM ticket_notes ORDER BY id DESC LIMIT 1')
[[ $author == alice@example.com ]] || wrong "the note's author is $author"
echo "  the author of the note: $author"
logged=$(grep -a 'chaperone.denied' "$SCRATCH/postgres.log" | grep -ao '/\*.*' | head -n 1) || true
[[ $logged == *"agent='triage-bot'"*"task='TICKET-4711'"* ]] || wrong "PostgreSQL's log does not say who asked"
echo "  PostgreSQL's log of the first denial: $logged"
role=$(grep '"kind":"statement"' "$CHAPERONE_AUDIT" | head -n 1 | grep -o '"role":"agp_[^"]*"' | cut -d '"' -f 4) || true
[[ $role == agp_* ]] || wrong "the first session had no role of its own"
until_gone "$role"
echo "  the first session's role was $role; now it is not there any more"

begin "what pgchaperone recorded"
records=$("$PGCHAPERONE" audit show "$CHAPERONE_AUDIT") || wrong "pgchaperone audit show"
printf '%s\n' "$records" | grep -v ' lease *making' | cut -c -160 | indent # roles that are made ahead of the next sessions
count() { grep -c -- "$1" "$CHAPERONE_AUDIT" || true; }
(($(count '"kind":"statement".*"verdict":"allow"') >= 3)) || wrong "there should be 3 allowed statements in the audit log"
(($(count '"kind":"statement".*"verdict":"deny"') >= 2)) || wrong "there should be 2 denied statements in the audit log"
(($(count '"kind":"outcome".*"result":"ok"') >= 3)) || wrong "there should be 3 outcomes that are ok in the audit log"
line=$(grep '"kind":"statement".*"verdict":"deny"' "$CHAPERONE_AUDIT" | head -n 1)
[[ $line == *'"actor":"alice@example.com"'*'"task":"TICKET-4711"'* ]] || wrong "the record does not say who asked and what for"
printf '\n  the line of the first denial:\n'
indent <<< "$line"

begin "is the log whole? (a hash chain over every line)"
verified=$("$PGCHAPERONE" audit verify "$CHAPERONE_AUDIT") || wrong "the chain of the audit log: $verified"
indent <<< "$verified"
sed '2s/"kind"/"kinD"/' "$CHAPERONE_AUDIT" > "$SCRATCH/forged.jsonl"
if forged=$("$PGCHAPERONE" audit verify "$SCRATCH/forged.jsonl" 2>&1); then wrong "a forged log passes for whole"; fi
printf '  and with one character of line 2 changed:\n'
indent <<< "${forged//"$SCRATCH/"/}"

if ((once)); then
  printf '\nEvery step is as it should be.\n'
  exit 0
fi
cat << TEXT

${bold}It is yours until Ctrl-C:$plain
  psql '$uri'
  $PGCHAPERONE connect --config $CHAPERONE_CONFIG --agent triage-bot --claim tenant_id=7 -- npx @modelcontextprotocol/server-postgres {dsn}
  $PGCHAPERONE audit tail -f $CHAPERONE_AUDIT
  curl http://$CHAPERONE_HOST:$CHAPERONE_ADMIN_PORT/metrics
TEXT
trap 'printf "\nEverything is stopped and removed.\n"; exit 0' INT TERM
while alive "$CHAPERONE_PID" && alive "$POSTGRES_PID"; do sleep 1; done
wrong "a server has ended by itself"
