# shellcheck shell=bash
# PostgreSQL's regression suite, to be sourced: fetched as Debian's source package and built once, below
# build/conformance.
#
#   regress_build DIRECTORY    makes DIRECTORY/kit, which is what a run needs: bin/ psql and pg_regress, lib/ their libpq
#                              and the modules that the suite loads into the server, its inputs and expected outputs
# /etc/apt is only read. The source's minor version may differ from the server's; psql and the modules are the source's.

# Debian's own entries among the configured package sources, as entries for source packages.
regress_source_lists() { # DIRECTORY
  mkdir -p "$1"
  find /etc/apt/sources.list /etc/apt/sources.list.d -name '*.list' -exec cat {} + 2> /dev/null |
    sed -nE '/bookworm/s/^deb[[:space:]]/deb-src /p' > "$1/own.list"
  find /etc/apt/sources.list.d -name '*.sources' -exec awk -v RS= '
    /Suites:[^\n]*bookworm/ { gsub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src"); print $0 "\n" }' {} \; > "$1/own.sources"
}

regress_fetch() { # DIRECTORY: unpacks the newest version that can be had to DIRECTORY/source
  local work=$1 version
  local -a options
  install -d "$work/apt/lists/partial" "$work/apt/archives/partial"
  regress_source_lists "$work/apt/parts"
  options=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/apt/parts" -o APT::Sandbox::User=root
    -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt")
  apt-get -q "${options[@]}" update || return 1
  for version in $(apt-cache "${options[@]}" showsrc --only-source postgresql-15 | sed -n 's/^Version: //p' | sort -Vru); do
    rm -rf "$work/source"
    (cd "$work" && apt-get -q "${options[@]}" source --download-only "postgresql-15=$version") &&
      dpkg-source --no-check -x "$work/postgresql-15_$version.dsc" "$work/source" && return
  done
  return 1
}

regress_compile() { # SOURCE
  local part
  cd "$1" || return 1
  # What psql and the modules are made of, and no more; the suite asks for nothing that is left out here.
  ./configure --without-readline --without-zlib && make -C src/backend generated-headers || return 1
  for part in src/port src/common src/interfaces/libpq src/fe_utils src/bin/psql src/test/regress; do
    make -j "$(nproc)" -C "$part" all || return 1
  done
  make -j "$(nproc)" -C contrib/spi autoinc.so refint.so
}

regress_build() {
  local work=$1 log=$1/build.log source=$1/source kit=$1/kit lock
  mkdir -p "$work"
  exec {lock}< "${BASH_SOURCE[0]}"
  flock "$lock"
  if [[ ! -e $kit/version ]]; then
    echo "fetching and building PostgreSQL's regression suite (once, about 3 minutes)"
    if ! { regress_fetch "$work" && (regress_compile "$source"); } > "$log" 2>&1; then
      tail -n 40 "$log" >&2
      exec {lock}<&-
      return 1
    fi
    rm -rf "$kit"
    mkdir -p "$kit/bin" "$kit/lib"
    cp "$source/src/bin/psql/psql" "$source/src/test/regress/pg_regress" "$kit/bin/"
    cp -P "$source"/src/interfaces/libpq/libpq.so* "$source"/src/test/regress/regress.so \
      "$source"/contrib/spi/{autoinc,refint}.so "$kit/lib/"
    cp -r "$source"/src/test/regress/{sql,expected,data,parallel_schedule} "$kit/"
    "$kit/bin/psql" --version > "$kit/version"
    rm -rf "$source"
  fi
  exec {lock}<&-
}
