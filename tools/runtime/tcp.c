/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tcp.h"

#include "base/addr.h"

const char *tcp_state_name(uint8_t state)
{
	static const char *const NAMES[] = {
		"-",     "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",    "TIME_WAIT",
		"CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV",
	};

	return state < sizeof(NAMES) / sizeof(*NAMES) ? NAMES[state] : "?";
}

void tcp_end_write(const struct addr *addr, uint16_t port, FILE *out)
{
	char text[ADDR_TEXT_MAX];

	fprintf(out, addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", addr_format(addr, text), port);
}
