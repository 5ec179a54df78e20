# On ext4 with project quotas: room is bounded for containers and volumes, and given back with them. On this kernel too:
# id-mapped layers and images' subpaths, for which it wants mounts attached.
. /guest/functions
truncate -s 256M /tmp/disk
mkfs.ext4 -q -O project,quota /tmp/disk
mkdir -p /tmp/ext4
mount -t ext4 -o loop,prjquota /tmp/disk /tmp/ext4
cat >/tmp/quota.toml <<END
data_root = "/tmp/ext4/data"
run_root = "/tmp/ext4/run"
END
export ESTIBA_CONFIG=/tmp/quota.toml
fill="dd if=/dev/zero of=/big bs=1M count=20"
must estiba run --rm --network none estiba/busybox sh -c "$fill"
full="No space left\|Disk quota exceeded"
refused "$full" estiba run --rm --network none --storage-opt size=8m estiba/busybox sh -c "$fill"
# Root of the container, root of a user namespace, and after a restart of both.
must estiba run --name box --network none --storage-opt size=8m estiba/busybox \
  sh -c 'dd if=/dev/zero of=/$(cat /proc/sys/kernel/random/uuid) bs=1M count=5'
kill $(pidof estibad)
refused "$full" estiba start -a box
estiba inspect -f '{{.HostConfig.StorageOpt}}' box | grep -q 8m
must estiba rm box
refused "$full" estiba run --rm --network none --userns auto --storage-opt size=8m estiba/busybox sh -c "$fill"
must estiba volume create -o size=8m small
refused "$full" estiba run --rm --network none -v small:/d estiba/busybox dd if=/dev/zero of=/d/x bs=1M count=20
must estiba volume rm small
must estiba volume create -o size=32m large
must estiba run --rm --network none -v large:/d estiba/busybox dd if=/dev/zero of=/d/x bs=1M count=20
must estiba volume rm large
# The same project serves again.
must estiba run --rm --network none --storage-opt size=30m estiba/busybox sh -c "$fill"

# Where containers are copies of their layers, the copy is not counted: busybox alone is larger than this.
kill $(pidof estibad)
wait_for sh -c '! pidof estibad'
echo 'storage_driver = "copy"' >>/tmp/quota.toml
refused "$full" estiba run --rm --network none --storage-opt size=1m estiba/busybox sh -c "$fill"
must estiba run --name copy --network none --storage-opt size=1m estiba/busybox \
  sh -c 'dd if=/dev/zero of=/$(cat /proc/sys/kernel/random/uuid) bs=1k count=700'
estiba info -f '{{.Driver}}' | grep -q vfs
kill $(pidof estibad)
refused "$full" estiba start -a copy
must estiba rm copy
must estiba run --rm --network none --storage-opt size=30m estiba/busybox sh -c "$fill"
must estiba run --rm --network none estiba/busybox sh -c "$fill"
kill $(pidof estibad)
wait_for sh -c '! pidof estibad'
sed -i /storage_driver/d /tmp/quota.toml

estiba run --rm --network none --userns auto estiba/busybox sh -c 'stat -c %u /bin/busybox; touch /x; stat -c %u /x' >/tmp/out
test "$(cat /tmp/out)" = "0
0"
estiba run --rm --network none --mount type=image,source=estiba/busybox,target=/i,image-subpath=bin estiba/busybox ls /i | grep -q busybox
kill $(pidof estibad)
wait_for sh -c '! pidof estibad'
umount /tmp/ext4
