# SPDX-License-Identifier: Apache-2.0
"""BCC's --cgroupmap and --mntnsmap name tables that others have pinned, which there are none of here."""


def filter_by_containers(args):
    """The C text of container_should_be_filtered(), which leaves nobody out."""
    for option in ("cgroupmap", "mntnsmap"):
        if getattr(args, option, None):
            raise SystemExit(f"--{option} is not there: the tools of pilus-trace take --cgroup, --container and --pod")
    return "static inline int container_should_be_filtered() { return 0; }\n"
