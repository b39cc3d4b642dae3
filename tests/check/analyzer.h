/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clang's analyzer cannot see for itself, included before each file of src/ that it looks at: the code that
 * error_set and its like are given is negative, and comes back.
 */
#include <stdlib.h>

#include "base/error.h"

static inline int analyzer_code(int code)
{
	if (code >= 0)
		abort();
	return code;
}

#define error_set(error, code, ...)                       \
	({                                                \
		int code_ = (code);                       \
		(error_set)((error), code_, __VA_ARGS__); \
		analyzer_code(code_);                     \
	})
#define error_set_errno(error, code, ...)                       \
	({                                                      \
		int code_ = (code);                             \
		(error_set_errno)((error), code_, __VA_ARGS__); \
		analyzer_code(code_);                           \
	})
