#!/usr/bin/env bash
# Signs the checksums and makes the GitHub release, with the changelog's part of this version: docker/release/publish.sh TAG FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly tag=${1:?TAG} folder=${2:?FOLDER}
docker/release/notes.sh "${tag#v}" >"$folder/notes.md"
cosign sign-blob --yes --bundle "$folder/SHA256SUMS.sigstore.json" "$folder/SHA256SUMS"
gh release create "$tag" --verify-tag --title "$tag" --notes-file "$folder/notes.md" "$folder"/logto-migrate-init* "$folder"/SHA256SUMS*
