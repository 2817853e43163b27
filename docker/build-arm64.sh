#!/usr/bin/env bash
# Builds the executable for arm64 on an amd64 Debian or Ubuntu: docker/build-arm64.sh FOLDER [OPTIONS OF dotnet publish]
# Needs what `./test.sh` installs and the cross compiler (Debian's gcc-aarch64-linux-gnu). OpenSSL for arm64 is unpacked into a folder of its own,
# so nothing is installed for a second architecture.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/fixtures/checkout.sh

output=$(realpath -m "${1:?usage: docker/build-arm64.sh FOLDER [OPTIONS OF dotnet publish]}")
shift
need "${toolchain[@]}" gcc-aarch64-linux-gnu libc6-dev-arm64-cross
readonly work=$PWD/.cache/arm64

fetch_openssl() { # Debian's packages for arm64, in apt's own way and with lists of our own
  local apt=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User=root -qq)
  mkdir -p "$work"/apt/lists/partial "$work"/apt/cache/archives/partial "$work/openssl.new"
  : >"$work/apt/status"
  (cd "$work/apt" && apt-get "${apt[@]}" update && apt-get "${apt[@]}" download libssl-dev)
  dpkg-deb --extract "$work"/apt/libssl-dev_*_arm64.deb "$work/openssl.new"
  rm -rf "$work/apt" && mv "$work/openssl.new" "$work/openssl"
}
[ -d "$work/openssl" ] || fetch_openssl

# The SDK calls one program to compile and to link, with an option that only clang knows.
cat >"$work/compiler" <<EOF
#!/bin/sh
for word; do
  shift
  case \$word in --target=*) ;; *) set -- "\$@" "\$word" ;; esac
done
exec aarch64-linux-gnu-gcc -B'$work/bin' -I'$work/openssl/usr/include' -I'$work/openssl/usr/include/aarch64-linux-gnu' -L'$work/openssl/usr/lib/aarch64-linux-gnu' "\$@"
EOF
chmod +x "$work/compiler"
mkdir -p "$work/bin" && ln -sf "$(command -v ld.lld)" "$work/bin/ld.lld" # a cross compiler looks for it only where it is told to

export OPENSSL_ROOT_DIR=$work/openssl/usr CMAKE_LIBRARY_ARCHITECTURE=aarch64-linux-gnu
dotnet publish src/LogtoMigrateInit -r linux-arm64 -c Release -o "$output" --nologo -v quiet -p:CppCompilerAndLinker="$work/compiler" \
  -p:ObjCopyName=aarch64-linux-gnu-objcopy "$@" | { grep -v 'CMake warning' || true; }
