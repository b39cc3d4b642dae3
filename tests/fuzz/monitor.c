/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's stream: records put together from pieces, frames taken apart, told in every way. The first byte says
 * where the stream is cut.
 */
#include "fuzz.h"

#include "cli/event.h"
#include "cli/records.h"

static FILE *nowhere;
static struct directory directory;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	nowhere = fopen("/dev/null", "we");
	must(nowhere);
	return 0;
}

static int tell(void *userdata, const struct event *event)
{
	json_t *json = event_to_json(event, &directory), *again;
	char *text = json_dumps(json, JSON_COMPACT);

	must(text);
	again = json_loads(text, 0, NULL);
	must(json_equal(json, again));
	free(text);
	json_decref(again);
	json_decref(json);
	for (enum event_detail detail = EVENT_LINE; detail <= EVENT_STORY; detail++)
		event_write(event, &directory, detail, nowhere);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct records records = {};
	size_t cut;

	if (!size)
		return -1;
	cut = data[0] % size;
	if (!records_feed(&records, data + 1, cut, tell, NULL))
		records_feed(&records, data + 1 + cut, size - 1 - cut, tell, NULL);
	records_clear(&records);
	return 0;
}
