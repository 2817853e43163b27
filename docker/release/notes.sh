#!/usr/bin/env bash
# Prints the part of CHANGELOG.md that belongs to a version: docker/release/notes.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."

awk -v version="${1:?VERSION}" '/^## / { found = index($0, "[" version "]") > 0; next } found' CHANGELOG.md | sed -e '/./,$!d' | grep . ||
  { echo "CHANGELOG.md has no part '## [$1]'" >&2; exit 1; }
