# SPDX-License-Identifier: Apache-2.0
"""The lab command: arguments in, one call, words out."""
import argparse
import json
import os
import signal
import sys

from . import LabError, agents, etcd, labs, lifecycle, names, places, pods, underlay


def _up(options):
    lab = labs.Lab(options.name)
    count = names.parse_node_count(options.nodes)
    lifecycle.up(lab, count, options.store, options.agent_arg, options.underlay)
    print(f"lab {lab.name} is up: " + ", ".join(node.name for node in lab.nodes()))


def _down(options):
    lifecycle.down(labs.Lab(options.name))


def _pod_add(options):
    lab = labs.Lab(options.name).require()
    names.check_pod(options.pod)
    names.check_namespace(options.namespace)
    labels, ports = names.parse_labels(options.labels), names.parse_ports(options.ports)
    host_ports = names.parse_host_ports(options.host_ports)
    pod = pods.add(lab.node(options.node), options.pod, options.namespace, labels, ports, host_ports)
    print(f"{pod.name} on {options.node}: " + " ".join(pod.addresses().values()))


def _pod_del(options):
    pods.delete(labs.Lab(options.name).require().pod(options.pod))


def _exec(options):
    if not options.command:
        raise LabError(f"what to run in {options.place} is missing: lab exec {options.place} -- CMD...")
    places.execute(labs.Lab(options.name).require().place(options.place), options.command)


def _pilus(options):
    node = labs.Lab(options.name).require().node(options.node)
    places.execute(node, [labs.binary("pilus"), *options.arguments])


def _ip(options):
    family = 6 if options.six else 4
    address = labs.Lab(options.name).require().place(options.place).address(family)
    if not address:
        raise LabError(f"{options.place} has no IPv{family} address: try " +
                       ("without -6" if options.six else "-6"))
    print(address)


def _agent(options):
    node = labs.Lab(options.name).require().node(options.node)
    if options.action == "start":
        agents.wait_ready(node, agents.start(node))
    else:
        agents.stop(node, {"stop": signal.SIGTERM, "kill": signal.SIGKILL}[options.action])


def _store(options):
    lab = labs.Lab(options.name).require()
    if not etcd.is_used(lab):
        raise LabError(f"lab {lab.name!r} has no store that runs: bring it up with --store etcd")
    if options.action == "start":
        etcd.start(lab)
    else:
        etcd.stop(lab, {"stop": signal.SIGTERM, "kill": signal.SIGKILL}[options.action])


def _audit(options):
    from . import audit  # few ask, and it imports much
    lab = labs.Lab(options.name).require()
    found = audit.of_lab([lab.node(options.node)] if options.node else lab.nodes())
    problems = sum([node["problems"] for node in found["nodes"].values()], found["problems"])
    if options.output == "json":
        print(json.dumps(found, indent=2))
    else:
        for problem in problems:
            print(problem)
        _table(("NODE", "PROBLEMS", "DESCRIPTORS", "RESIDENT"),
               [(name, len(node["problems"]), node["descriptors"], f"{node['resident'] >> 10} KiB")
                for name, node in found["nodes"].items()])
    return 1 if problems else 0


def _status(options):
    status = lifecycle.status(labs.Lab(options.name).require())
    if options.output == "json":
        print(json.dumps(status, indent=2))
        return
    _table(("NODE", "AGENT", "IPV4", "IPV6", "STATE FOLDER"),
           [(node["name"], node["agent"] or "not running", node["ipv4"], node["ipv6"], node["state"])
            for node in status["nodes"]])
    if status["pods"]:
        print()
        _table(("POD", "NAMESPACE", "NODE", "IPV4", "IPV6"),
               [(pod["name"], pod["namespace"], pod["node"], pod["ipv4"] or "-", pod["ipv6"] or "-")
                for pod in status["pods"]])


def _table(titles, rows):
    rows = [titles, *(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _argument(*words, **options):
    return words, options


# command: function, help, arguments
COMMANDS = {
    ("up",): (_up, "make a lab of nodes, each with an agent", [
        _argument("--nodes", default="2", metavar="N", help="how many (default 2)"),
        _argument("--store", default="dir", choices=["dir", "etcd", "etcd-tls"], help="what the agents share state by (default dir)"),
        _argument("--underlay", default="bridge", choices=underlay.KINDS,
                  help="what connects the nodes: a bridge, which is their way out too, or one cable (default bridge)"),
        _argument("--agent-arg", action="append", default=[], metavar="ARG",
                  help="give ARG to every agent; write --agent-arg=--key=value"),
    ]),
    ("down",): (_down, "take the lab down, whatever is left of it", []),
    ("pod", "add"): (_pod_add, "make a pod, as a container runtime does", [
        _argument("node", metavar="NODE"),
        _argument("pod", metavar="POD"),
        _argument("--namespace", default="default", metavar="NS"),
        _argument("--labels", default="", metavar="k=v,..."),
        _argument("--ports", default="", metavar="name=80/TCP,...", help="names of ports, for policies"),
        _argument("--host-ports", default="", metavar="8080=80/TCP,...", help="ports of the node that lead to the pod's"),
    ]),
    ("pod", "del"): (_pod_del, "end a pod", [_argument("pod", metavar="POD")]),
    ("exec",): (_exec, "run a command in a node, a pod, or the underlay (lab exec PLACE -- CMD...)", [
        _argument("place", metavar="NODE|POD"),
    ]),
    ("pilus",): (_pilus, "run pilus in a node", [
        _argument("node", metavar="NODE"),
        _argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS"),
    ]),
    ("ip",): (_ip, "an address of a pod or node", [
        _argument("place", metavar="POD"),
        _argument("-6", dest="six", action="store_true", help="the IPv6 one"),
    ]),
    ("agent",): (_agent, "stop (SIGTERM), kill (SIGKILL) or start a node's agent, and wait until it is", [
        _argument("node", metavar="NODE"),
        _argument("action", choices=["stop", "kill", "start"]),
    ]),
    ("store",): (_store, "stop (SIGTERM), kill (SIGKILL) or start the etcd of a lab that has one", [
        _argument("action", choices=["stop", "kill", "start"]),
    ]),
    ("audit",): (_audit, "does all that knows of endpoints tell the same? what is left over, missing or double", [
        _argument("node", nargs="?", metavar="NODE", help="this one only (default: all)"),
        _argument("-o", dest="output", choices=["json"], help="for programs"),
    ]),
    ("status",): (_status, "nodes and pods of the lab", [
        _argument("-o", dest="output", choices=["json"], help="for programs"),
    ]),
}


def _add_commands(parser, prefix, common):
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for word in dict.fromkeys(path[len(prefix)] for path in COMMANDS if path[:len(prefix)] == prefix):
        path = (*prefix, word)
        if path not in COMMANDS:
            group = commands.add_parser(word, help=f"{word} add, {word} del", parents=[common])
            _add_commands(group, path, common)
            continue
        function, text, arguments = COMMANDS[path]
        command = commands.add_parser(word, help=text, description=text, parents=[common])
        command.set_defaults(function=function)
        for words, options in arguments:
            command.add_argument(*words, **options)


def _parser():
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--name", metavar="LAB", help="which lab (default: LAB_NAME of the environment, or lab)")
    parser = argparse.ArgumentParser(prog="lab", parents=[common], description="Pilus nodes and pods on one machine.")
    _add_commands(parser, (), common)
    return parser


def _join_agent_arguments(arguments):
    """argparse takes `--agent-arg --key=value` for two options."""
    joined, rest = [], iter(arguments)
    for argument in rest:
        value = next(rest, None) if argument == "--agent-arg" else None
        joined.append(argument if value is None else f"{argument}={value}")
    return joined


def _parse(arguments):
    """What stands behind -- is the command of exec, whatever it looks like."""
    command = None
    if "--" in arguments and "exec" in arguments[:arguments.index("--")]:
        split = arguments.index("--")
        arguments, command = arguments[:split], arguments[split + 1:]
    options = _parser().parse_args(_join_agent_arguments(arguments))
    options.command = command
    if not hasattr(options, "name"):
        options.name = os.environ.get("LAB_NAME") or "lab"
    return options


def _interrupt(*_):
    raise KeyboardInterrupt


def main(arguments):
    options = _parse(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        if os.geteuid() != 0:
            raise LabError("namespaces need root: run it with sudo")
        return options.function(options) or 0
    except (LabError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
