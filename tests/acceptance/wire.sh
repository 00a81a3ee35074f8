#!/usr/bin/env bash
# Shows what the wire foundation claims, one line a claim with its figure. Exit status: 0 all hold, 1 one does not.
set -u
cd "$(dirname "$0")/../.." || exit 2
binary=${PGCHAPERONE:-build/release/pgchaperone}
if [[ ! -x $binary ]]; then
  echo "FAIL  pgchaperone is not built: $binary is missing (./tests/run.sh builds it)"
  exit 1
fi
echo "FAIL  no claim is measured yet"
exit 1
