#!/bin/bash
# Installs what a Ceph of one machine needs, as root, unless it is there.
set -euo pipefail
packages=(ceph-mon ceph-osd radosgw ceph-common ceph-base)
if dpkg --status "${packages[@]}" >/dev/null 2>&1; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
