# shellcheck shell=bash
# Lines of an acceptance script, to be sourced.
#
#   claim CLAIM FIGURE HOLDS(0 or 1)   prints it, and counts what does not hold
#   holds EXPRESSION                   an expression of awk's: prints 1 or 0
#   finish_claims                      the last line, and the exit status
failures=0

claim() {
  if (($3)); then
    echo "ok    $1: $2"
  else
    echo "FAIL  $1: $2"
    failures=$((failures + 1))
  fi
}
holds() { awk "BEGIN { print ($1) ? 1 : 0 }"; }
finish_claims() {
  echo "${SECONDS} s, $failures claim(s) failed"
  exit $((failures > 0))
}
