#!/usr/bin/env bash
# Writes the tables of what PostgreSQL itself brings: facts of two servers, and what reviewed/ says of them.
#
#   rules/builtin/generate.sh URI15 URI17        writes them beside this script
#   rules/builtin/generate.sh --check VERSION URI
#                                                compares them with a server of that version (15 or 17); prints what differs
#
# Any stock server will do; nothing is left behind. Status 1: the tables differ, or a function of a server has no class.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
kinds=(functions operators types casts relations parameters)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

facts() { # VERSION URI
  local kind major
  major=$(psql -X -At -c 'SHOW server_version_num' "$2")
  [[ $((major / 10000)) == "$1" ]] || {
    echo "generate.sh: not PostgreSQL $1: server_version_num is $major" >&2
    return 1
  }
  for kind in "${kinds[@]}" rules; do
    psql -X -q -At -F $'\t' -v ON_ERROR_STOP=1 -f "$here/facts/type_name.sql" -f "$here/facts/$kind.sql" "$2" | sort > "$work/$kind.$1"
  done
}

case ${1-} in
  --check)
    facts "$2" "$3"
    status=0
    for kind in "${kinds[@]}"; do
      # Without what is ours, the last columns.
      case $kind in parameters) ours=1 ;; relations) ours=4 ;; *) ours=2 ;; esac
      awk -F '\t' -v version="$2" -v ours=$ours '
        index("," $NF ",", "," version ",") { line = $1; for (i = 2; i <= NF - ours; i++) line = line "\t" $i; print line }
      ' "$here/$kind.tsv" | sort | diff "$work/$kind.$2" - > "$work/diff" || {
        status=1
        echo "$kind.tsv: < the server has, > the table has"
        grep '^[<>]' "$work/diff"
      }
    done
    awk -f "$here/classify.awk" "$here/reviewed/functions.tsv" "$work/rules.$2" > "$work/classes" 2> "$work/complaints" || true
    # Reviewed names of the other version are none of this server's.
    if grep -v 'no such function' "$work/complaints"; then status=1; fi
    exit $status
    ;;
  "" | -*)
    sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac

facts 15 "$1"
facts 17 "$2"

# One line a fact, with the versions that have it.
merge() { # KIND
  awk '{ versions[$0] = versions[$0] "," (FILENAME ~ /15$/ ? 15 : 17) }
    END { for (line in versions) print line "\t" substr(versions[line], 2) }' "$work/$1.15" "$work/$1.17" | sort
}
for kind in "${kinds[@]}"; do merge "$kind" > "$work/$kind"; done
awk -f "$here/classify.awk" "$here/reviewed/functions.tsv" "$work/rules.15" "$work/rules.17" | sort > "$work/sets"
for kind in types relations; do
  awk -v kind=$kind -f "$here/judge.awk" "$here/reviewed/$kind.tsv" "$work/$kind" > "$work/judged"
  mv "$work/judged" "$work/$kind"
done
for kind in functions operators casts; do
  awk -v kind=$kind -f "$here/totality.awk" "$here/reviewed/total.tsv" "$work/$kind" > "$work/judged"
  mv "$work/judged" "$work/$kind"
done
for kind in "${kinds[@]}" sets; do mv "$work/$kind" "$here/$kind.tsv"; done
