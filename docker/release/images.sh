#!/usr/bin/env bash
# Builds the images of a release from the files that build.sh made: docker/release/images.sh VERSION FOLDER REGISTRY
# `tool` for both architectures, and `init` for each release of Logto in docker/release/logto-versions. With PUBLISH=true they are pushed, with
# SBOM and provenance, and signed; otherwise they are built and thrown away.
set -euo pipefail
cd "$(dirname "$0")/../.."

revision=$(git rev-parse HEAD)
created=$(date --utc +%FT%TZ)
readonly version=${1:?VERSION} folder=${2:?FOLDER} registry=${3:?REGISTRY}
publish=false
[ "${PUBLISH:-}" = true ] && publish=true
docker buildx create --name logto-migrate-init --driver docker-container >/dev/null 2>&1 || true

image() { # TAG TARGET OPTIONS… : one image of both architectures; each takes its own file
  local tag=$registry:$1 target=$2 architecture references=()
  shift 2
  for architecture in amd64 arm64; do
    docker buildx build --builder logto-migrate-init --platform "linux/$architecture" --target "$target" --tag "$tag-$architecture" \
      --build-arg EXECUTABLE=prebuilt --build-arg PREBUILT="$folder/logto-migrate-init-linux-$architecture" --build-arg VERSION="$version" \
      --build-arg REVISION="$revision" --build-arg SOURCE="${SOURCE:-}" --build-arg CREATED="$created" \
      --sbom=true --provenance=mode=max --output "type=image,push=$publish" "$@" .
    references+=("$tag-$architecture")
  done
  if $publish; then
    docker buildx imagetools create --tag "$tag" "${references[@]}"
    cosign sign --yes --recursive "$registry@$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")"
  fi
}

image "$version" tool
while read -r logto; do
  image "$version-logto-$logto" init --build-arg LOGTO_VERSION="$logto"
done < <(grep -v '^#' docker/release/logto-versions)
