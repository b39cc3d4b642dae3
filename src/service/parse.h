/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services and slices from JSON objects, as Kubernetes and `pilus service update` write them. An object is taken whole
 * or refused: −EINVAL in words that name the field.
 */
#ifndef PILUS_SERVICE_PARSE_H
#define PILUS_SERVICE_PARSE_H

#include <jansson.h>

#include "base/error.h"
#include "service/service.h"

/* `name` is what the object must be called, "NAMESPACE/NAME". A Service (v1): the caller frees *ret. */
int service_spec_parse(json_t *object, const char *name, struct service_spec **ret, struct error *error);

/* An EndpointSlice (discovery.k8s.io/v1), likewise. */
int service_slice_parse(json_t *object, const char *name, const struct service_viewer *viewer,
                        struct service_slice **ret, struct error *error);

/*
 * A frontend with its backends, in docs/api.md's words: a service of one frontend, and a slice whose service is not
 * named. The caller frees both.
 */
int service_frontend_parse(json_t *object, const struct service_viewer *viewer, struct service_spec **ret_service,
                           struct service_slice **ret_slice, struct error *error);

#define HOST_PORTS_MAX 1024 /* of a pod: the file of an endpoint holds them */

/* Where host ports lead, and where they are met: addresses of each family, zero where there is none. `here`: seen from
 * that node itself, which has more than the one that others know, so that `node` is any (0.0.0.0, ::). */
struct host_port_place {
	struct addr pod[2], node[2];
	bool here;
};

/* A pod's host ports, a list in docs/api.md's words: is it understood? And what it makes: a service and its slice. */
int host_ports_check(json_t *list, struct error *error);
int host_ports_parse(json_t *list, const struct host_port_place *place, struct service_spec **ret_service,
                     struct service_slice **ret_slice, struct error *error);

#endif
