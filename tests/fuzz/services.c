/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that people and Kubernetes write about services, in YAML or JSON, as each of the kinds that there are.
 */
#include "fuzz.h"

#include <errno.h>

#include "service/choose.h"
#include "service/parse.h"
#include "store/yaml_json.h"

static const struct service_viewer viewer = {.node = "node-1", .zone = "north"};

static void check_spec(const struct service_spec *service)
{
	for (size_t i = 0; i < service->frontend_count; i++) {
		must(service->frontends[i].port);
		must(service->frontends[i].of < service->port_count);
	}
	must(service->affinity <= AFFINITY_SECONDS_MAX);
}

static void read_service(json_t *object)
{
	_cleanup_(service_spec_freep) struct service_spec *service = NULL;
	struct error error = {};

	must_tell(service_spec_parse(object, "shop/web", &service, &error), &error);
	if (service)
		check_spec(service);
}

static void read_slice(json_t *object)
{
	_cleanup_(service_slice_freep) struct service_slice *slice = NULL;
	struct error error = {};

	must_tell(service_slice_parse(object, "shop/web", &viewer, &slice, &error), &error);
	if (slice)
		must(slice->service);
}

static void read_frontend(json_t *object)
{
	_cleanup_(service_spec_freep) struct service_spec *service = NULL;
	_cleanup_(service_slice_freep) struct service_slice *slice = NULL;
	struct error error = {};

	must_tell(service_frontend_parse(object, &viewer, &service, &slice, &error), &error);
	must(!service == !slice);
	if (!service)
		return;
	check_spec(service);
	must(service->frontend_count == 1);
	for (size_t i = 0; i < slice->endpoint_count; i++)
		must(slice->endpoints[i].port);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {};
	char *text = yaml_to_json((const char *)data, size, &error);
	json_t *object = text ? json_loads(text, 0, NULL) : NULL;

	must_tell(text ? 0 : -EINVAL, &error);
	if (object) {
		read_service(object);
		read_slice(object);
		read_frontend(object);
	}
	json_decref(object);
	free(text);
	return 0;
}
