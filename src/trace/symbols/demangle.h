/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of C++ and the like, as people write them.
 */
#ifndef PILUS_TRACE_SYMBOLS_DEMANGLE_H
#define PILUS_TRACE_SYMBOLS_DEMANGLE_H

/* "_ZN3foo3barEv" → "foo::bar()"; what is not mangled, or cannot be told without libstdc++, stays as it is. The caller
 * frees it. */
char *demangle(const char *name);

#endif
