/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/prelude.h"

const char prelude_types[] =
#include "types.h.inc"
	;
const char prelude_helpers[] =
#include "helpers.h.inc"
	;
const char prelude_abi[] =
#include "abi.h.inc"
	;
const char prelude_usdt[] =
#include "usdt.h.inc"
	;
const char prelude_dialect[] =
#include "dialect.h.inc"
	;
