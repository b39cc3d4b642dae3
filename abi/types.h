/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The ground both halves stand on: fixed-size integers and how abi/ headers are written.
 *
 * Everything in abi/ is compiled into the BPF programs and into user space. A header here *is* the
 * specification of its map: names, key, value, who writes and who reads. Sizes and offsets are
 * asserted, so that a change of layout is a decision and not an accident. No includes but these.
 */
#ifndef PILUS_ABI_TYPES_H
#define PILUS_ABI_TYPES_H

#include <linux/types.h>

#define ABI_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " is " #size " bytes")

#endif
