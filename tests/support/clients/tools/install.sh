#!/usr/bin/env bash
# Fetches the tools of package.json at the versions of package-lock.json into build/tools, once. Needs npm. Prints the folder of
# their modules.
set -euo pipefail
cd "$(dirname "$0")"
cache=../../../../build/tools
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
if ! cmp -s package-lock.json "$cache/installed"; then
  type -P npm > /dev/null || { echo "npm is not installed" >&2; exit 1; }
  cp package.json package-lock.json "$cache/"
  # Without the scripts: dbhub's SQLite is not wanted, and would be compiled.
  (cd "$cache" && npm ci --silent --no-audit --no-fund --ignore-scripts && cp package-lock.json installed) >&2
fi
echo "$cache/node_modules"
