/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include <stdlib.h>

void service_spec_free(struct service_spec *service)
{
	if (!service)
		return;
	for (size_t i = 0; i < service->port_count; i++)
		free(service->ports[i].name);
	free(service->ports);
	free(service->frontends);
	free(service->ranges);
	free(service->created);
	free(service);
}

void service_slice_free(struct service_slice *slice)
{
	if (!slice)
		return;
	for (size_t i = 0; i < slice->port_count; i++)
		free(slice->ports[i].name);
	free(slice->ports);
	free(slice->endpoints);
	free(slice->service);
	free(slice);
}
