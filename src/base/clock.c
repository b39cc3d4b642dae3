/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time.
 */
#include "base/clock.h"

uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

const char *clock_format(time_t when, char text[static CLOCK_TEXT_MAX])
{
	struct tm parts;

	if (!gmtime_r(&when, &parts) || !strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts))
		text[0] = '\0';
	return text;
}
