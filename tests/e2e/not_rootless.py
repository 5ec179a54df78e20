"""What of these tests a user's engine does not pass (ESTIBA_ROOTLESS=1), by file and test: KERNEL has those that a rule
of the kernel forbids, at most MOST of them; OF_ROOT those that are not of the same suite, because what they are about
belongs to the host's root. What fails and is in neither is to be mended in the engine."""

MOST = 20

LINKS = "the host's links, routes and rules are changed with CAP_NET_ADMIN over the first network namespace"
IDMAP = "an id-mapped mount takes CAP_SYS_ADMIN in the user namespace of its file system"
MKNOD = "a device node is made with CAP_MKNOD in the first user namespace"
EROFS = "EROFS is mounted with CAP_SYS_ADMIN in the first user namespace (no FS_USERNS_MOUNT)"

KERNEL = {
    "test_drivers.py::test_an_unmanaged_bridge_is_used_and_nothing_of_it_touched": LINKS,
    "test_drivers.py::test_what_vlans_and_vrfs_of_bridges_lack_is_told_when_the_network_is_made": LINKS,
    "test_drivers.py::test_a_routed_network_translates_nothing_and_opens_published_ports": LINKS,
    "test_ipv6.py::test_a_routed_network_is_reached_at_its_own_addresses": LINKS,
    "test_ipv6.py::test_containers_leave_with_the_address_that_their_network_is_told": LINKS,
    "test_ipv6.py::test_without_masquerading_containers_leave_with_their_own_addresses": LINKS,
    "test_mounts.py::test_a_bind_with_mapped_ids_keeps_the_right_owner": IDMAP,
    "test_mounts.py::test_a_mapping_that_is_none_is_refused": IDMAP,
    "test_mounts.py::test_a_volume_on_a_block_device": "ext4 is mounted with CAP_SYS_ADMIN in the first user namespace",
    "test_mounts.py::test_ids_cannot_be_mapped_on_a_file_system_that_cannot": IDMAP,
    "test_storage.py::test_stores_of_both_forms": EROFS,
    "test_storage.py::test_the_driver_by_the_command_line": EROFS,
    "test_volume_archives.py::test_an_exported_volume_comes_back_as_it_was": MKNOD,
    "test_volume_archives.py::test_gnu_tar_reads_an_export": MKNOD,
    "test_volumes.py::test_sizes_are_refused_where_the_file_system_keeps_none":
        "a file's project, by which its quota counts, is set in the first user namespace alone (FS_IOC_FSSETXATTR)",
}

# A whole file, or a test of it.
OF_ROOT = {
    "test_boot.py::test_hosts_without_systemd_have_a_script": "init starts the system's engine, as root",
    "test_cni.py": "CNI plugins are root's programs, which change the host's network",
    "test_firewalls.py": "the host's firewalls beside our table in the host's rule set; a user's engine has none there",
    "test_network.py::test_a_firewall_that_drops_forwarded_packets_is_named": "nothing of a user's is forwarded by the "
                                                                              "host",
    "test_relayed_ports.py": "root's relay, for what the kernel does not translate; a user's ports are all relayed: "
                             "test_rootless_network.py",
    "test_rootless.py": "of a user's engine already",
    "test_rootless_network.py": "of a user's engine already",
}
