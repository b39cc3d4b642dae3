/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts that programs are compiled with, as the build found them: bpf/trace/, abi/trace_module.h, and from
 * libbpf's headers the prototypes of the kernel's helpers and what reads the arguments of USDT probes.
 */
#ifndef PILUS_TRACE_PRELUDE_H
#define PILUS_TRACE_PRELUDE_H

extern const char prelude_types[], prelude_helpers[], prelude_abi[], prelude_dialect[], prelude_usdt[];

#endif
