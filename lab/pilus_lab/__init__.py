# SPDX-License-Identifier: Apache-2.0
"""
The lab: Pilus nodes as namespaces of one machine. One noun per file:

  names     which names and numbers are allowed, and what addresses follow from them
  kernel    the system calls Python has no function for
  cgroups   a lab's processes: put in, counted, ended
  patience  how long it waits for what should happen
  labs      where everything of a lab is: folder, nodes, pods
  underlay  the network the nodes share
  nodes     a node's namespaces and mounts
  places    running a command in a node or pod
  daemons   processes that outlive the command that started them
  etcd      the store of a lab brought up with --store etcd
  agents    pilusd of a node: started, stopped, asked
  api       how an agent is asked
  pods      pods, by executing pilus-cni as a runtime does
  audit     does all that knows of endpoints tell the same?
  lifecycle up, down and status of the whole
  cli       the command
"""


class LabError(Exception):
    """What went wrong and what to do, in one sentence."""
