# SPDX-License-Identifier: Apache-2.0
"""
Benchmarks on the lab. Each number of a network stands beside that of a plain veth pair, measured in turns with it:

  paths     what packets are sent through: Pilus', and the peers'
  peers     the networks Pilus is measured beside, built of namespaces
  network   streams and round trips over paths, in turns, by netbench
  cni       ADD and DEL
  traffic   the programs' time in real traffic
  datapath  the programs' time in test runs, by function
  node      the agent's start, memory, disk
  machine   which machine it was, and whether it was quiet
  children  processes in places of the lab
  compare   many measurements to few numbers
  figures   what is to be reached
  report    tables
  plot      the network as a picture; svg has the shapes
  cli       the command
"""
