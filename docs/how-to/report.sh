#!/usr/bin/env bash
# Makes report.png, the picture of read_the_report.md: the page of alkit compare, in chromium.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
alkit compare --out "$work"
chromium --headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars \
    --user-data-dir="$work/chromium" --window-size=1000,1180 --screenshot="$here/report.png" \
    "file://$work/report.html"
