#!/bin/sh
# digiKam, batch queue manager, tool "Custom Script": paste this, or call this file from it.
# digiKam sets INPUT and OUTPUT; what is written in UNDEGRADE_OPTIONS goes on, such as "--scale 2".
set -eu
exec undegrade enhance "$INPUT" -o "$OUTPUT" ${UNDEGRADE_OPTIONS:-}
