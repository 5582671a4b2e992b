#!/bin/bash
# Runs a Ceph of one monitor, one disk in a file and one gateway for S3, in a folder, until it is
# killed with its process group. What the folder has of an earlier run is gone on with.
# Usage: ceph.sh FOLDER S3_PORT MON_PORT ACCESS_KEY SECRET_KEY
set -euo pipefail
folder=$1 s3=$2 mon=$3 user=$4 secret=$5
export CEPH_CONF=$folder/ceph.conf

configure() {
    mkdir -p "$folder"/{mon,osd-0,run}
    cat >"$CEPH_CONF" <<EOF
[global]
fsid = $1
mon initial members = a
mon host = v2:127.0.0.1:$mon
public addr = 127.0.0.1
keyring = $folder/keyring
run dir = $folder/run
admin socket = $folder/run/\$name.asok
log file = $folder/\$name.log
# One copy of everything, on one disk.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
auth allow insecure global id reclaim = false
[mon]
mon data = $folder/mon
mon data avail warn = 1
mon data avail crit = 0
[osd]
osd data = $folder/osd-\$id
osd memory target = 939524096
bluestore block size = 8589934592
bluestore block create = true
[client.gateway]
rgw frontends = beast endpoint=127.0.0.1:$s3
EOF
}

key() { ceph-authtool "$folder/keyring" --gen-key --name "$@"; }

uuid() { cat /proc/sys/kernel/random/uuid; }

if [[ -e $folder/made ]]; then
    ceph-mon --foreground --id a &
else
    cluster=$(uuid) disk=$(uuid)
    configure "$cluster"
    touch "$folder/keyring"
    key mon. --cap mon 'allow *'
    key client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    key osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    key client.gateway --cap mon 'allow rwx' --cap osd 'allow rwx'
    monmaptool --create --fsid "$cluster" --addv a "[v2:127.0.0.1:$mon]" "$folder/map"
    ceph-mon --mkfs --id a --monmap "$folder/map" --keyring "$folder/keyring"
    ceph-mon --foreground --id a &
    timeout 60 ceph osd new "$disk"
    ceph-osd --id 0 --mkfs --osd-uuid "$disk"
fi
ceph-osd --foreground --id 0 &
if [[ ! -e $folder/made ]]; then
    timeout 120 radosgw-admin user create --uid=tests --display-name=tests \
        --access-key="$user" --secret-key="$secret"
    touch "$folder/made"
fi
exec radosgw --foreground --name client.gateway
