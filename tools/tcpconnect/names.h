/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which name an address was the answer to.
 */
#ifndef PILUS_TOOLS_TCPCONNECT_NAMES_H
#define PILUS_TOOLS_TCPCONNECT_NAMES_H

#include <stdint.h>

#include "abi/addr.h"
#include "tcpconnect.h"

/* Takes note of the addresses in a name server's answer; what is none is ignored. */
void names_learn(const struct answer_event *answer);

/* The newest name that had this address, and when it was told; NULL: none is known. */
const char *names_find(const struct addr *addr, uint64_t *ret_when);

#endif
