#!/usr/bin/env bash
# Fails when shellcheck has something to say about a script.
cd "$(dirname "$0")/../.." || exit 2
{ find examples rules tests -name '*.sh' -print0 && printf '.ci/run\0'; } | xargs -0 shellcheck -x -P "$PWD"
