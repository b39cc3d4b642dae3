/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as documents: YAML as the JSON that the store keeps and the API speaks, and back, for people.
 */
#ifndef PILUS_POLICY_DOCUMENT_H
#define PILUS_POLICY_DOCUMENT_H

#include <jansson.h>
#include <stdio.h>

#include "policy/place.h"

/*
 * Adds each object of the text to `list`, those of a List one by one. 0; or -EINVAL when there are problems, of which
 * each is told, and `list` is as before. What the objects say is policy_parse's to judge.
 */
int policy_documents(const char *file, const char *text, size_t size, json_t *list, struct problems *problems);

/* Writes a document. */
void policy_document_write(const json_t *object, FILE *out);

#endif
