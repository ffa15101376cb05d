# shellcheck shell=bash disable=SC2154
# What examples/run, tests/run and .ci/run share; sourced by bash, with `root` set to the checkout.
#
# Logs go to build/log, temporary files to build/tmp. Commands run with their output in a log, which
# is shown only when they fail.

# Clones share what they have compiled and linted: both caches lie in the user's cache directory, or
# in CAIRN_CACHE_DIR. If that cannot be written, they lie in build/.
user_cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
cache_dir=${CAIRN_CACHE_DIR:-${user_cache:+$user_cache/cairn}}
if [ -z "$cache_dir" ] || ! mkdir -p "$cache_dir" 2>/dev/null || [ ! -w "$cache_dir" ]; then
  cache_dir=$root/build
fi
export CCACHE_DIR=${CCACHE_DIR:-$cache_dir/ccache}
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G} # all presets take about 1 GB
# ccache takes paths below the checkout for relative ones and ignores the directory of the build;
# otherwise each clone would compile for itself.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros} # else no precompiled headers
log_dir=$root/build/log

# Programs must not find a closed descriptor 0: the next file they open would become their standard
# input.
{ : <&0; } 2>/dev/null || exec </dev/null

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

now_ms() {
  printf '%s' $((${EPOCHREALTIME//[.,]/} / 1000))
}

# record_seconds TITLE MILLISECONDS: a line of what print_seconds prints. The outermost script
# begins the record and prints it; the scripts that it calls add to it.
if [ -z "${CAIRN_SECONDS_FILE-}" ]; then
  export CAIRN_SECONDS_FILE=$log_dir/seconds
  rm -f "$CAIRN_SECONDS_FILE"
  prints_seconds=yes
fi

record_seconds() {
  mkdir -p "$log_dir"
  printf '%8d.%d  %s\n' $(($2 / 1000)) $(($2 % 1000 / 100)) "$1" >>"$CAIRN_SECONDS_FILE"
}

print_seconds() {
  [ -n "${prints_seconds-}" ] && [ -s "$CAIRN_SECONDS_FILE" ] || return 0
  printf 'Seconds by stage, %d in all:\n' "$SECONDS"
  cat "$CAIRN_SECONDS_FILE"
}

# step TITLE LOG COMMAND...: runs COMMAND with its output in build/log/LOG.log and prints one line
# with the seconds it took. If it fails, the end of the log is shown, and its status returned.
step() {
  local title=$1 log=$log_dir/$2.log start status=0 pulse
  shift 2
  mkdir -p "$log_dir"
  start=$(now_ms)
  printf '%s ...' "$title"
  : >"$log"
  show_progress "$log" &
  pulse=$!
  "$@" >>"$log" 2>&1 </dev/null || status=$?
  kill "$pulse" 2>/dev/null
  wait "$pulse" 2>/dev/null
  local ms=$(($(now_ms) - start))
  record_seconds "$title" "$ms"
  [ -t 1 ] && printf '\r\033[K%s ...' "$title"
  if [ "$status" -eq 0 ]; then
    printf ' %d.%d s\n' $((ms / 1000)) $((ms % 1000 / 100))
  else
    printf ' failed after %d s\n' $((ms / 1000))
    tail -n 60 "$log" >&2
    printf '(all of it: %s)\n' "$log" >&2
  fi
  return "$status"
}

# Shows how far ninja has come: in place on a terminal, every minute elsewhere. Ends when it is
# killed.
show_progress() {
  local count interval=60
  trap 'kill $! 2>/dev/null; exit' TERM
  [ -t 1 ] && interval=1
  while :; do
    sleep $interval &
    wait $!
    count=$(tail -n 1 "$1" | grep -oE '^\[[0-9]+/[0-9]+\]')
    if [ -t 1 ]; then
      printf '\r\033[K%s ... %s' "$title" "$count"
    else
      printf ' %s' "${count:-.}"
    fi
  done
}

# need_packages GROUP...: installs the packages of these groups that are missing, and only then asks
# apt anything.
need_packages() {
  local group list=$root/src/scripts/packages.txt package
  local wanted=() missing=() unknown=() as_root=()
  for group in "$@"; do
    while read -r package; do
      wanted+=("$package")
    done < <(sed -nE "s/^$group +//p" "$list")
  done
  if ! command -v dpkg-query >/dev/null; then
    printf 'This is not Debian; needed, whatever it is called here: %s\n' "${wanted[*]}"
    return
  fi
  for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "neither root nor sudo; as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
    [ -t 0 ] && sudo -v || as_root=(sudo -n)
  fi
  step "Reading the package lists" apt-update "${as_root[@]}" apt-get update ||
    printf 'Going on with the package lists that are here.\n'
  for package in "${missing[@]}"; do
    apt-cache show --no-all-versions "$package" >/dev/null 2>&1 || unknown+=("$package")
  done
  [ ${#unknown[@]} -eq 0 ] ||
    die "apt knows no package called: ${unknown[*]} (Debian 12 has them all)"
  step "Installing ${missing[*]}" apt-install \
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" ||
    die "apt could not install: ${missing[*]}"
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# As many compilers at once as there are processors, but no more than memory allows at 1.5 GiB each.
parallel_jobs() {
  local processors memory_kib by_memory
  processors=$(nproc)
  memory_kib=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)
  by_memory=$((${memory_kib:-8388608} / 1572864))
  [ "$by_memory" -ge 1 ] || by_memory=1
  printf '%d' $((processors < by_memory ? processors : by_memory))
}

# ccache ends with an error if it cannot use its directory: then the build does without a cache.
check_compiler_cache() {
  local probe=$root/build/tmp/probe-$$
  [ -z "${compiler_cache_checked-}" ] && command -v ccache >/dev/null || return 0
  compiler_cache_checked=yes
  mkdir -p "${probe%/*}"
  : >"$probe.cpp"
  if ! ccache c++ -c "$probe.cpp" -o "$probe.o" >/dev/null 2>&1; then
    printf 'ccache cannot use %s: building without it.\n' "$CCACHE_DIR"
    export CCACHE_DISABLE=1
  fi
  rm -f "$probe.cpp" "$probe.o"
}

# configure PRESET [CMAKE-ARGUMENT...]
configure() {
  local preset=$1
  shift
  check_compiler_cache
  step "Configuring $preset" "configure-$preset" \
    cmake -S "$root" --preset "$preset" -DCAIRN_PRECOMPILED_HEADERS=ON "$@"
}

# build PRESET TARGET...
build() {
  local preset=$1
  shift
  step "Building $preset" "build-$preset" \
    cmake --build "$root/build/$preset" --parallel "$(parallel_jobs)" --target "$@"
}

# build_preset NAME: the targets that a build preset names.
build_preset() {
  step "Building $1" "build-$1" \
    env -C "$root" cmake --build --preset "$1" --parallel "$(parallel_jobs)"
}

sources() {
  git -C "$root" -c safe.directory='*' ls-files -- "$@"
}

# Whether all C++ is formatted as .clang-format says.
check_format() {
  cd "$root" && sources '*.hpp' '*.cpp' | xargs -r clang-format-14 --dry-run -Werror
}

# check_lint [--all]: clang-tidy over the sources that changed, or include what changed, since they
# were last found clean. The layers and programs are enough: their headers are checked with them.
# Their headers that schemas generate are those of the presets, which must have been built: dev, and
# the others for the few sources that dev does without.
check_lint() {
  local layers=('schemas/*.cpp' 'persistence/*.cpp' 'actors/*.cpp' 'src/*.cpp' 'examples/*.cpp')
  cd "$root" && sources "${layers[@]}" |
    xargs -r -x -n 10000 python3 -B src/scripts/lint.py --jobs "$(parallel_jobs)" "$@" \
      build/dev,build/tsan,build/release "$cache_dir/lint"
}
