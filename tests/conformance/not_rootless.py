"""Rows that cannot hold for a plain user, by the name of the test (or of one case, "test[case]"), with the reason.
test_rootless.py has what such a user gets instead."""

CGROUP = "the host's cgroups are not the user's: tests/vm has the rows with a delegated one"
LOCKED = "mounts of the host are locked in a user namespace: as a whole, with their flags and access times"
NODE = "the host's device nodes are bound, none can be made"
FOREIGN = "the namespace belongs to root"
IDMAP = "an id-mapped mount takes CAP_SYS_ADMIN over its file system"
OTHERS = "the other container has a user namespace of its own"
MAPS = "the row is about other maps than a plain user may write"
ADDED = "only root can bind what is outside of a running container into it"
HOST = "a user namespace may not mount in the host's mount namespace"
COUNTS = "the row counts the namespaces of the configuration"

NOT_ROOTLESS = {
    "test_kill_all_reaches_every_process": CGROUP,
    "test_without_a_pid_namespace_nothing_survives_the_kill": CGROUP,
    "test_exec_in_a_sub_cgroup": CGROUP,
    "test_exec_where_the_containers_cgroup_may_hold_no_process": CGROUP,
    "test_pause_and_resume": CGROUP,
    "test_a_paused_container_can_be_killed": CGROUP,
    "test_a_paused_container_can_be_deleted_by_force": CGROUP,
    "test_exec_that_ignores_the_pause_runs_when_it_is_over": CGROUP,
    "test_ps": CGROUP,
    "test_options_behind_the_id": CGROUP,
    "test_a_cgroup_that_holds_processes_is_refused": CGROUP,
    "test_a_frozen_cgroup_is_refused": CGROUP,
    "test_a_cgroup_of_a_hierarchy_that_is_not_used_stays": CGROUP,
    "test_update": CGROUP,
    "test_update_from_a_document": CGROUP,
    "test_updates_build_on_each_other": CGROUP,
    "test_device_rules_can_be_updated": CGROUP,
    "test_update_refuses": CGROUP,
    "test_events_once": CGROUP,
    "test_events_again_and_again_until_the_container_ends": CGROUP,
    "test_events_tell_of_the_oom_killer": CGROUP,
    "test_a_relative_cgroup_path_is_found_again_from_another_cgroup": CGROUP,
    "test_spec_makes_a_configuration_that_runs[flags0]": "a plain user's container needs a user namespace",
    "test_what_a_privileged_container_is_told": "in a user namespace findings weigh less",
    "test_the_script_makes_the_same_container": CGROUP,
    "test_the_runtime_environment_is_there_before_the_pivot": "nsenter(1) must enter the user namespace first",
    "test_a_device": NODE,
    "test_a_block_device": NODE,
    "test_an_attribute[noatime-bind]": LOCKED,
    "test_an_attribute[norelatime-bind]": LOCKED,
    "test_an_attribute[strictatime-bind]": LOCKED,
    "test_an_attribute[nodiratime-bind]": LOCKED,
    "test_bind_takes_the_mount_and_rbind_what_is_below_it_too": LOCKED,
    "test_what_a_bind_sees_of_the_host_and_tells_it": "nothing mounted in a user namespace reaches the host",
    "test_a_recursive_attribute_reaches_what_is_below": LOCKED,
    "test_a_recursive_attribute_is_taken_back": LOCKED,
    "test_a_source_in_another_containers_mounts": OTHERS,
    "test_a_link_of_the_other_container_does_not_lead_to_the_host": OTHERS,
    "test_idmap_with_mappings_of_the_mount": IDMAP,
    "test_mappings_alone_mean_idmap": IDMAP,
    "test_idmap_with_the_containers_user_namespace": IDMAP,
    "test_idmap_with_a_user_namespace_at_a_path": IDMAP,
    "test_ridmap_reaches_what_is_below": IDMAP,
    "test_the_runtimes_when_none_is_asked_for[ipc]": "a user namespace cannot mount the mqueue of the host's ipc "
                                                      "namespace, and this host has it mounted nowhere to bind",
    "test_the_one_at_a_path": FOREIGN,
    "test_the_pid_namespace_at_a_path": FOREIGN,
    "test_the_user_namespace_at_a_path": FOREIGN,
    "test_a_new_user_namespace_beside_the_hosts_at_a_path": FOREIGN,
    "test_a_folder_comes_and_goes": ADDED,
    "test_a_file_comes_and_goes": ADDED,
    "test_in_a_user_namespace_it_belongs_to_its_root": ADDED,
    "test_nothing_of_it_is_on_the_host": ADDED,
    "test_all_or_none": ADDED,
    "test_the_last_of_two_at_one_place_goes_first": ADDED,
    "test_a_link_inside_leads_no_further_than_the_root": ADDED,
    "test_a_link_does_not_have_a_mask_removed": ADDED,
    "test_it_sees_its_root_and_its_mounts": HOST,
    "test_the_host_keeps_its_mounts_as_they_are": HOST,
    "test_the_namespace_is_the_callers": HOST,
    "test_exec_is_in_the_containers_root_too": HOST,
    "test_what_would_hide_parts_of_the_hosts_proc_is_refused": HOST,
    "test_nothing_can_be_mounted_later": HOST,
    "test_a_bind_with_an_option_has_that_alone": LOCKED,
    "test_id_mappings": MAPS,
    "test_several_ranges": MAPS,
    "test_the_program_gets[user.additionalGids]": MAPS,
    "test_the_program_gets[scheduler flag RESET_ON_FORK]": "a nice value below 0 takes CAP_SYS_NICE on the host",
    "test_refused_and_the_field_named[a namespace twice]": COUNTS,
    "test_refused_and_the_field_named[an unknown type]": COUNTS,
    "test_refused_and_the_field_named[a relative path]": COUNTS,
    "test_refused_and_the_field_named[a user namespace without maps]": COUNTS,
    "test_refused_and_the_field_named[masks without a mount namespace]": HOST,
}
