#!/usr/bin/env bash
# Fails when a C++ source is not as clang-format writes it; --fix rewrites those that are not.
cd "$(dirname "$0")/../.." || exit 2
mode=(--dry-run --Werror)
[[ ${1-} == --fix ]] && mode=(-i)
find parser rules proxy tests \( -name '*.hpp' -o -name '*.cpp' \) -print0 2> /dev/null |
  xargs -0 -r clang-format-16 "${mode[@]}"
