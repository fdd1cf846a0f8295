# Sourced by app/run and tests/run: installs packages, builds. Everything it says goes to stderr.

assay_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

# need_packages NAME LIST..: installs with apt what is missing of the packages in these files. A stamp of that name
# makes the usual case, nothing missing, cost nothing.
need_packages() {
  local stamp="$assay_root/build/packages-$1.stamp" list newer=
  shift
  if [[ -e $stamp ]]; then
    for list; do [[ $list -nt $stamp ]] && newer=1; done
    [[ $newer ]] || return 0
  fi
  mkdir -p "$assay_root/build"
  local wanted missing=() package
  wanted=$(sed 's/#.*//' "$@")
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "assay: no apt here: the counterparts of these Debian packages have to be installed:" $wanted
    return 0
  fi
  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true)
  for package in $wanted; do
    grep -qx "$package installed" <<<"$installed" || missing+=("$package")
  done
  if ((${#missing[@]})); then
    local sudo=()
    if ((EUID != 0)); then
      if ! command -v sudo >/dev/null; then
        say "assay: these packages are missing, and there is neither root nor sudo to install them. As root:"
        say "  apt-get install ${missing[*]}"
        exit 1
      fi
      sudo=(sudo)
      [[ -t 0 ]] || sudo+=(-n)
    fi
    say "assay: installing ${missing[*]}"
    local install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q=2)
    if ! "${install[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >"$assay_root/build/apt.log" 2>&1; then
      # The usual reason: package lists that are absent or old.
      "${install[@]}" update </dev/null >>"$assay_root/build/apt.log" 2>&1 || true
      if ! "${install[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >>"$assay_root/build/apt.log" 2>&1; then
        tail -n 20 "$assay_root/build/apt.log" >&2
        say "assay: apt could not install: ${missing[*]} (whole log: build/apt.log)"
        exit 1
      fi
    fi
  fi
  touch "$stamp"
}

# How many compilers at once: one a processor, each with 1.2 GB of the memory that is free or allowed.
build_jobs() {
  local cpus kilobytes limit used
  cpus=$(nproc)
  kilobytes=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo 2>/dev/null || true)
  if read -r limit </sys/fs/cgroup/memory.max && [[ $limit != max ]] && read -r used </sys/fs/cgroup/memory.current; then
    limit=$(((limit - used) / 1024))
    ((limit < ${kilobytes:-$limit})) && kilobytes=$limit
  fi 2>/dev/null
  local by_memory=$((${kilobytes:-4000000} / 1200000))
  ((by_memory >= 1)) || by_memory=1
  echo $((by_memory < cpus ? by_memory : cpus))
}

# build_preset PRESET TARGET..: configures when needed and builds. On a terminal ninja shows how far it is.
build_preset() {
  local preset=$1 folder="$assay_root/build/$1" jobs
  shift
  jobs=$(build_jobs)
  if [[ -e $folder/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$assay_root" "$folder/CMakeCache.txt"; then
    rm -rf "$folder"  # the checkout has been moved or copied
  fi
  mkdir -p "$folder"
  if [[ ! -e $folder/build.ninja || $assay_root/CMakePresets.json -nt $folder/build.ninja ]]; then
    if ! (cd "$assay_root" && cmake --preset "$preset") </dev/null >"$folder/configure.log" 2>&1; then
      rm -f "$assay_root"/build/packages-*.stamp  # so that the next start looks at the packages again
      tail -n 30 "$folder/configure.log" >&2
      say "assay: cmake could not configure (whole log: build/${folder##*/}/configure.log)"
      return 1
    fi
  fi
  local quiet=(--quiet)
  [[ -t 2 ]] && quiet=()
  NINJA_STATUS='[%f/%t] ' ninja -C "$folder" -j "$jobs" "${quiet[@]}" "$@" </dev/null >&2
}
