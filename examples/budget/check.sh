#!/usr/bin/env bash
# For any CI: compares with the branch named in the first argument (default: origin/main). Ends with 0 where
# every limit holds, 1 where one is broken, 2 where the check could not be made.
set -euo pipefail
cd "$(dirname "$0")"
convcalc check --allow-import tinynet.models --against "${1:-origin/main}" --report junit=convcalc.xml
