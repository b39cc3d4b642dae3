/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP and ICMPv6 types and codes in words (IANA's registries; the spelling Cilium's users know).
 */
#include "cli/cli.h"
#include "cli/dissect.h"

#define ANY 256

/* A row of code ANY names the type; rows of codes follow it. */
struct icmp_name {
	uint16_t type;
	uint16_t code;
	const char *name;
};

static const struct icmp_name V4[] = {
	{0, ANY, "EchoReply"},
	{3, ANY, "DestinationUnreachable"},
	{3, 0, "Net"},
	{3, 1, "Host"},
	{3, 2, "Protocol"},
	{3, 3, "Port"},
	{3, 4, "FragmentationNeeded"},
	{3, 5, "SourceRoutingFailed"},
	{3, 6, "NetUnknown"},
	{3, 7, "HostUnknown"},
	{3, 8, "SourceIsolated"},
	{3, 9, "NetAdminProhibited"},
	{3, 10, "HostAdminProhibited"},
	{3, 11, "NetTOS"},
	{3, 12, "HostTOS"},
	{3, 13, "CommAdminProhibited"},
	{3, 14, "HostPrecedence"},
	{3, 15, "PrecedenceCutoff"},
	{4, ANY, "SourceQuench"},
	{5, ANY, "Redirect"},
	{5, 0, "Net"},
	{5, 1, "Host"},
	{5, 2, "TOS+Net"},
	{5, 3, "TOS+Host"},
	{8, ANY, "EchoRequest"},
	{9, ANY, "RouterAdvertisement"},
	{10, ANY, "RouterSolicitation"},
	{11, ANY, "TimeExceeded"},
	{11, 0, "TTLExceeded"},
	{11, 1, "FragmentReassemblyTimeExceeded"},
	{12, ANY, "ParameterProblem"},
	{12, 0, "PointerIndicatesError"},
	{12, 1, "MissingOption"},
	{12, 2, "BadLength"},
	{13, ANY, "TimestampRequest"},
	{14, ANY, "TimestampReply"},
	{},
};

static const struct icmp_name V6[] = {
	{1, ANY, "DestinationUnreachable"},
	{1, 0, "NoRouteToDst"},
	{1, 1, "AdminProhibited"},
	{1, 2, "BeyondScopeOfSrc"},
	{1, 3, "AddressUnreachable"},
	{1, 4, "PortUnreachable"},
	{1, 5, "SrcAddressFailedPolicy"},
	{1, 6, "RejectRouteToDst"},
	{2, ANY, "PacketTooBig"},
	{3, ANY, "TimeExceeded"},
	{3, 0, "HopLimitExceeded"},
	{3, 1, "FragmentReassemblyTimeExceeded"},
	{4, ANY, "ParameterProblem"},
	{4, 0, "ErroneousHeader"},
	{4, 1, "UnrecognizedNextHeader"},
	{4, 2, "UnrecognizedIPv6Option"},
	{128, ANY, "EchoRequest"},
	{129, ANY, "EchoReply"},
	{130, ANY, "MLDv1MulticastListenerQueryMessage"},
	{131, ANY, "MLDv1MulticastListenerReportMessage"},
	{132, ANY, "MLDv1MulticastListenerDoneMessage"},
	{133, ANY, "RouterSolicitation"},
	{134, ANY, "RouterAdvertisement"},
	{135, ANY, "NeighborSolicitation"},
	{136, ANY, "NeighborAdvertisement"},
	{137, ANY, "Redirect"},
	{143, ANY, "MLDv2MulticastListenerReportMessageV2"},
	{},
};

static const char *find(const struct icmp_name *names, uint16_t type, uint16_t code)
{
	for (; names->name; names++)
		if (names->type == type && names->code == code)
			return names->name;
	return NULL;
}

void icmp_type_write(enum layer_kind kind, uint8_t type, uint8_t code, FILE *out)
{
	const struct icmp_name *names = kind == LAYER_ICMPV4 ? V4 : V6;
	const char *type_name = find(names, type, ANY), *code_name = find(names, type, code);

	if (!type_name)
		fprintf(out, "%u(%u)", type, code);
	else if (code_name)
		fprintf(out, "%s(%s)", type_name, code_name);
	else if (code)
		fprintf(out, "%s(%u)", type_name, code);
	else
		fputs(type_name, out);
}
