# Sourced by the other scripts, from the repository root: finds a Docker that can build, and the images to use.
# shellcheck shell=bash disable=SC2034

REAL_BASE=public.ecr.aws/lambda/python:3.13
REAL_MONGODB=mongo:8.0
REAL_MINISTACK=ministackorg/ministack:1.5.33

fail() { echo "$1" >&2; exit 1; }

# Runs a command and prints how long it took: stage NAME COMMAND...
stage() {
  local name=$1 began=$SECONDS code=0
  shift
  "$@" || code=$?
  echo "$name: $((SECONDS - began)) s"
  return $code
}

# Prints the last commit that changed the images' sources, with -dirty if the sources differ from it.
revision() {
  local head
  # Terraform files, tests and documentation are not part of any image.
  head=$(git log -1 --format=%H -- common images bin 2>/dev/null) || true
  [ -n "$head" ] || { echo unknown; return; }
  [ -z "$(git status --porcelain -- common images bin)" ] || head+=-dirty
  echo "$head"
}

# Installs Debian packages as root; otherwise exits with an instruction for the user: apt_install INSTRUCTION PACKAGE...
apt_install() {
  local what=$1
  shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then fail "$what"; fi
  echo "Installing $* with apt-get ..."
  mkdir -p build
  { apt-get update && apt-get install -y --no-install-recommends "$@"; } >build/apt.log 2>&1 || fail "apt-get could not install $*: $(tail -n 3 build/apt.log)"
}

# Sets DOCKER to a client that can build with BuildKit; as root on Debian it installs and starts Docker if necessary, and
# sets DOCKERD to the process that it started.
require_docker() {
  if ! docker info >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || fail "Docker does not respond: start it, or give your user access to it (group docker)"
    if ! command -v dockerd >/dev/null; then
      apt_install "Docker is needed: https://docs.docker.com/engine/install/" docker.io iptables
    fi
    mkdir -p build
    echo "Starting dockerd (its log: build/dockerd.log) ..."
    setsid dockerd >build/dockerd.log 2>&1 </dev/null &
    DOCKERD=$!
    for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
    docker info >/dev/null 2>&1 || fail "dockerd did not start: $(tail -n 3 build/dockerd.log)"
  fi
  # A client newer than version 20 needs its buildx plugin for BuildKit; version 20 (Debian 12) has BuildKit built in.
  for DOCKER in $(type -ap docker); do
    if "$DOCKER" buildx version >/dev/null 2>&1 || "$DOCKER" --version | grep -q 'version 20\.'; then return; fi
  done
  fail "no Docker client here can build: install docker-buildx"
}

# Stops the dockerd that this script started.
stop_docker() {
  [ -n "${DOCKERD:-}" ] || return 0
  kill "$DOCKERD" 2>/dev/null || true
  wait "$DOCKERD" 2>/dev/null || true
}

# Sets COMPOSE to Docker Compose, version 2 or 1.
require_compose() {
  if docker compose version >/dev/null 2>&1; then COMPOSE=(docker compose); return; fi
  command -v docker-compose >/dev/null || apt_install "Docker Compose is needed: https://docs.docker.com/compose/install/" docker-compose
  COMPOSE=(docker-compose)
}

# Prints the folder of another clone that has containers, running or stopped: a machine has only one Compose project
# `joytify`.
other_clone() {
  local folder
  folder=$("$DOCKER" ps -a --filter label=com.docker.compose.project=joytify --format '{{.Label "com.docker.compose.project.working_dir"}}' | head -n 1)
  if [ -n "$folder" ] && [ "$folder" != "$PWD" ] && [ -d "$folder" ]; then echo "$folder"; fi
}

# Installs a Chromium for the tests that look at a page.
require_chromium() {
  if command -v google-chrome >/dev/null || { command -v chromium >/dev/null && [ -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ]; }; then return; fi
  apt_install "Chromium is needed: install it, for instance with \`apt-get install chromium\`" chromium fonts-noto-color-emoji
}

# Installs the AWS CLI if it is missing.
require_aws() {
  if command -v aws >/dev/null; then return; fi
  apt_install "The AWS CLI is needed: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html" awscli
}

# Sets REGISTRY_IMAGE to the registry's image, or to nothing if it cannot be pulled; then Debian's docker-registry is used.
require_registry() {
  export REGISTRY_IMAGE=${REGISTRY_IMAGE:-registry:2}
  if "$DOCKER" image inspect "$REGISTRY_IMAGE" >/dev/null 2>&1 || timeout 60 "$DOCKER" pull -q "$REGISTRY_IMAGE" >/dev/null 2>&1; then return; fi
  REGISTRY_IMAGE=
  if command -v docker-registry >/dev/null; then return; fi
  apt_install "the registry's image cannot be pulled, and docker-registry is not installed" docker-registry
}

# choose_image VARIABLE REAL STAND_IN chooses an image and exports its name as VARIABLE: the current value of VARIABLE,
# or REAL if it is unset. If that image is neither local nor pullable, it builds the stand-in and chooses that.
choose_image() {
  local variable=$1 image=${!1:-$2} stand_in=joytify-stand-in/$3 here=1 failed pulled
  failed=build/unreachable-${image//[^a-zA-Z0-9]/_} pulled=build/pulled-${image//[^a-zA-Z0-9]/_}
  mkdir -p build
  "$DOCKER" image inspect "$image" >/dev/null 2>&1 || here=
  # A local image is pulled again once a day, since its tag may have moved to a newer image. A registry that does not
  # respond is tried only once an hour, since a registry that drops packets costs minutes.
  if [[ $image != joytify-stand-in/* ]] && [ -z "$(find "$failed" -mmin -60 2>/dev/null)" ] \
    && { [ -z "$here" ] || [ -z "$(find "$pulled" -mmin -1440 2>/dev/null)" ]; }; then
    if timeout 600 "$DOCKER" pull -q "$image" >/dev/null 2>&1; then here=1 && touch "$pulled"; else touch "$failed"; fi
  fi
  if [ -z "$here" ]; then
    echo "$image cannot be pulled: using the stand-in $stand_in"
    bin/stand-ins "$DOCKER"
    image=$stand_in
  fi
  export "$variable=$image"
}

# Sets BASE_IMAGE, the base of the functions' images.
choose_base() { choose_image BASE_IMAGE "$REAL_BASE" lambda-python; }

# Sets BASE_IMAGE, MONGODB_IMAGE and MINISTACK_IMAGE.
choose_images() {
  choose_base
  choose_image MONGODB_IMAGE "$REAL_MONGODB" mongodb
  choose_image MINISTACK_IMAGE "$REAL_MINISTACK" ministack
}

# Prints a pip setting; environment variables take precedence over files: pip_setting NAME
pip_setting() { .venv/bin/pip config list | sed -n "s/^\(:env:\|global\)\.$1='\(.*\)'$/\2/p" | head -n 1; }

# Installs a lock file, hash-checked: install_locked VENV LOCK. uv does not read pip's settings, so pip's index
# and certificates are passed to it, and no other settings.
install_locked() {
  local index certificates
  index=${UV_DEFAULT_INDEX:-$(pip_setting index-url)}
  certificates=${SSL_CERT_FILE:-$(pip_setting cert)}
  [ -z "$index" ] || local -x UV_DEFAULT_INDEX=$index
  [ -z "$certificates" ] || local -x SSL_CERT_FILE=$certificates
  .venv/bin/uv pip install --quiet --python "$1" --require-hashes -r "$2"
}

# Installs a tool whose pinned dependencies conflict with ours into a separate environment: tool NAME (build/NAME)
tool() {
  local folder=build/$1 lock=tests/$1.requirements.txt
  if [ -f "$folder/.lock" ] && cmp -s "$lock" "$folder/.lock"; then return; fi
  echo "Installing $lock into $folder ..."
  rm -rf "$folder" && .venv/bin/uv venv --quiet --python .venv/bin/python "$folder"
  install_locked "$folder" "$lock"
  cp "$lock" "$folder/.lock"
}

# Configures where Terraform finds its provider: in the mirror TF_PLUGIN_MIRROR, else in the registry, else in a mirror found
# on this machine.
choose_provider() {
  local mirror=${TF_PLUGIN_MIRROR:-} found
  export TF_CLI_CONFIG_FILE="$PWD/build/terraform.rc"
  if [ -z "$mirror" ] && ! python3 -c 'import urllib.request as u; u.urlopen("https://registry.terraform.io/.well-known/terraform.json", timeout=5)' 2>/dev/null; then
    found=$(find / -xdev -type d -path '*/registry.terraform.io/hashicorp/aws' -not -path '*/.terraform*/*' -not -path '*/build/terraform/*' -print -quit 2>/dev/null || true)
    [ -n "$found" ] || fail "Terraform cannot find the AWS provider: the registry does not respond, and there is no mirror on this machine (set TF_PLUGIN_MIRROR to a mirror)"
    mirror=${found%/registry.terraform.io/*}
    # Child processes need not search for it again.
    export TF_PLUGIN_MIRROR=$mirror
    echo "The Terraform registry does not answer: using the provider in $mirror"
  fi
  # Replaced atomically, since another Terraform may be reading it.
  [ -z "$mirror" ] || printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "$mirror" >"$TF_CLI_CONFIG_FILE.$$"
  [ -n "$mirror" ] || : >"$TF_CLI_CONFIG_FILE.$$"
  mv "$TF_CLI_CONFIG_FILE.$$" "$TF_CLI_CONFIG_FILE"
}

# Keeps a benchmark's data in memory if there is room: disk checkpoints alone can double the measured duration.
bench_in_memory() {
  if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df -Pm /dev/shm | awk 'NR == 2 {print $4}')" -gt 6000 ]; then
    export TMPDIR=/dev/shm
  fi
  # With a cache smaller than the data, the benchmark would measure cache misses instead.
  export MONGOD_CACHE_GB=${MONGOD_CACHE_GB:-4}
  echo "data in ${TMPDIR:-/tmp}"
}

# Downloads a lock file's wheels for the images' Python and glibc, hash-checked: wheels LOCK FOLDER [pip options]
wheels() {
  local lock=$1 folder=$2 stamp platforms=() minor
  shift 2
  stamp=$(sha256sum <"$lock")
  [ -f "$folder/.lock" ] && [ "$(cat "$folder/.lock")" = "$stamp" ] && return
  for minor in $(seq 34 -1 17) 12 5; do platforms+=(--platform "manylinux_2_${minor}_x86_64"); done
  rm -rf "$folder" && mkdir -p "$folder"
  .venv/bin/pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
    --python-version 3.13 --implementation cp "${platforms[@]}" --platform manylinux2014_x86_64 --platform manylinux1_x86_64 \
    -d "$folder" -r "$lock" "$@"
  echo "$stamp" >"$folder/.lock"
}

# Installs into build/markdown the parser of Discord's Markdown that the tests use.
markdown_parser() {
  local folder=build/markdown
  command -v npm >/dev/null || { echo "Discord's Markdown: NOT CHECKED with its parser, since npm is not installed"; return; }
  if cmp -s tests/markdown/package-lock.json $folder/.lock; then cp tests/markdown/read.js $folder; return; fi
  echo "Installing tests/markdown/package-lock.json into $folder ..."
  rm -rf $folder && mkdir -p $folder && cp tests/markdown/* $folder
  (cd $folder && npm ci --silent --no-audit --no-fund)
  cp tests/markdown/package-lock.json $folder/.lock
}
