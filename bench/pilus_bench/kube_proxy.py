# SPDX-License-Identifier: Apache-2.0
"""
The rules that kube-proxy writes for services with cluster addresses, in its modes `iptables` and `nftables`: as it leaves
them on a node, with its comments, which make each rule of iptables a match longer. Nobody is masqueraded: `pods` is where
the clients are.
"""
import typing


class Service(typing.NamedTuple):
    name: str  # ns/name:port
    address: str
    port: int
    backends: list  # addresses


# ── mode iptables ──

_NEW = "-m conntrack --ctstate NEW"
_FILTER = f"""*filter
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
:KUBE-SERVICES - [0:0]
-A INPUT {_NEW} -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
-A INPUT {_NEW} -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A FORWARD {_NEW} -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD {_NEW} -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD {_NEW} -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT {_NEW} -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A OUTPUT {_NEW} -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
"""
_NAT = """*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
"""
_LAST = ('-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" '
         "-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\nCOMMIT\n")


def _endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _service_by_iptables(number, service, pods):
    chain = f"KUBE-SVC-{number}"
    met = f'-d {service.address} -p tcp -m comment --comment "{service.name} cluster IP" -m tcp --dport {service.port}'
    yield f":{chain} - [0:0]"
    yield f"-A KUBE-SERVICES {met} -j {chain}"
    yield f"-A {chain} ! -s {pods} {met} -j KUBE-MARK-MASQ"
    for index, address in enumerate(service.backends):
        end, left = f"KUBE-SEP-{number}-{index}", len(service.backends) - index
        to = _endpoint(address, service.port)
        chance = f"-m statistic --mode random --probability {1 / left:.8f} " if left > 1 else ""
        yield f":{end} - [0:0]"
        yield f'-A {chain} -m comment --comment "{service.name} -> {to}" {chance}-j {end}'
        yield f'-A {end} -s {address} -m comment --comment "{service.name}" -j KUBE-MARK-MASQ'
        yield f'-A {end} -p tcp -m comment --comment "{service.name}" -m tcp -j DNAT --to-destination {to}'


def by_iptables(services, pods):
    """What iptables-restore takes, once. The services' rules are in one list, in the order given."""
    rules = (rule for number, service in enumerate(services) for rule in _service_by_iptables(number, service, pods))
    yield _FILTER + _NAT + "".join(f"{rule}\n" for rule in rules) + _LAST


# ── mode nftables ──

_AT_ONCE = 1000
_TABLE = """
add table {ip} kube-proxy
delete table {ip} kube-proxy
table {ip} kube-proxy {{
set cluster-ips {{ type {addr}; }}
set nodeport-ips {{ type {addr}; }}
map firewall-ips {{ type {addr} . inet_proto . inet_service : verdict; }}
map no-endpoint-services {{ type {addr} . inet_proto . inet_service : verdict; }}
map no-endpoint-nodeports {{ type inet_proto . inet_service : verdict; }}
map service-nodeports {{ type inet_proto . inet_service : verdict; }}
chain mark-for-masquerade {{ meta mark set mark or 0x4000; }}
map service-ips {{ type {addr} . inet_proto . inet_service : verdict; }}
chain services {{
{ip} daddr . meta l4proto . th dport vmap @service-ips
{ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
}}
chain cluster-ips-check {{ {ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"; }}
chain firewall-check {{ {ip} daddr . meta l4proto . th dport vmap @firewall-ips; }}
chain service-endpoints-check {{ {ip} daddr . meta l4proto . th dport vmap @no-endpoint-services; }}
chain nodeport-endpoints-check {{ {ip} daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }}
chain masquerading {{
mark and 0x4000 == 0 return
mark set mark xor 0x4000
masquerade fully-random
}}
chain filter-prerouting {{ type filter hook prerouting priority -110; ct state new jump firewall-check; }}
chain filter-input {{
type filter hook input priority -110
ct state new jump nodeport-endpoints-check
ct state new jump service-endpoints-check
}}
chain filter-forward {{
type filter hook forward priority -110
ct state new jump service-endpoints-check
ct state new jump cluster-ips-check
}}
chain filter-output-pre-dnat {{ type filter hook output priority -110; ct state new jump firewall-check; }}
chain filter-output {{
type filter hook output priority -90
ct state new jump service-endpoints-check
ct state new jump cluster-ips-check
}}
chain nat-prerouting {{ type nat hook prerouting priority -100; jump services; }}
chain nat-output {{ type nat hook output priority -100; jump services; }}
chain nat-postrouting {{ type nat hook postrouting priority 100; jump masquerading; }}
}}
"""


def _chains_of(number, service, pods, ip):
    choice = ", ".join(f"{index} : goto endpoint-{number}-{index}" for index in range(len(service.backends)))
    for index, address in enumerate(service.backends):
        yield (f"chain endpoint-{number}-{index} {{\n{ip} saddr {address} jump mark-for-masquerade\n"
               f"meta l4proto tcp dnat to {_endpoint(address, service.port)}\n}}")
    yield (f"chain service-{number} {{\n{ip} daddr {service.address} tcp dport {service.port} {ip} saddr != {pods} "
           f"jump mark-for-masquerade\nnumgen random mod {len(service.backends)} vmap {{ {choice} }}\n}}")


def by_nftables(services, pods):
    """
    What nft -f - takes, one text after the other. In one, ten thousand services would take it minutes.
    """
    ip, addr = ("ip6", "ipv6_addr") if ":" in pods else ("ip", "ipv4_addr")
    yield _TABLE.format(ip=ip, addr=addr)
    for first in range(0, len(services), _AT_ONCE):
        part = [*enumerate(services)][first:first + _AT_ONCE]
        chains = "\n".join(chain for number, service in part for chain in _chains_of(number, service, pods, ip))
        ports = ", ".join(f"{service.address} . tcp . {service.port} : goto service-{number}" for number, service in part)
        addresses = ", ".join({service.address for _, service in part})
        yield (f"table {ip} kube-proxy {{\n{chains}\n}}\n"
               f"add element {ip} kube-proxy service-ips {{ {ports} }}\nadd element {ip} kube-proxy cluster-ips {{ {addresses} }}\n")
