#!/usr/bin/env bash
# Builds the executable for amd64 and arm64, with checksums: docker/release/build.sh VERSION FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/fixtures/checkout.sh

readonly version=${1:?VERSION} folder=${2:?FOLDER}
revision=$(git rev-parse --short=12 HEAD)
need "${toolchain[@]}"
mkdir -p "$folder" artifacts/release
dotnet publish src/LogtoMigrateInit -r linux-x64 -c Release -o artifacts/release/amd64 --nologo -v quiet -p:Version="$version" -p:SourceRevisionId="$revision"
docker/build-arm64.sh artifacts/release/arm64 -p:Version="$version" -p:SourceRevisionId="$revision"
for architecture in amd64 arm64; do
  install -m 0755 "artifacts/release/$architecture/logto-migrate-init" "$folder/logto-migrate-init-linux-$architecture"
  gzip -9 --no-name --stdout "artifacts/release/$architecture/logto-migrate-init.dbg" >"$folder/logto-migrate-init-linux-$architecture.dbg.gz"
done
docker/release/sbom.py src/LogtoMigrateInit/obj/Release/net10.0/linux-x64/native "$version" >"$folder/logto-migrate-init-linux-amd64.spdx.json"
(cd "$folder" && sha256sum logto-migrate-init-linux-* >SHA256SUMS)
