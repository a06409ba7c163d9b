// SPDX-License-Identifier: Apache-2.0
/*
 * service - a small HTTP server on loopback, in a network namespace of the test's own, that plays
 * what a case recorded. Real connections are made to the platforms' real addresses.
 *
 * A route is {"method", "url", "responses": [{"status", "body", "headers", "exception"}]}; its
 * answers are given in order and the last one again and again. "exception" closes the connection
 * without an answer; the client is then told a time-out if one was recorded, so that nobody waits for
 * it. (That the real one keeps its deadlines is shown by unit.metadata.http.) What has no route is 404.
 */
#pragma once

#include "cases.h"

/* Where the server listens on a Unix socket, too. */
const char *service_socket(void);
/* A network namespace with every platform's address on its loopback. -EPERM: not root. */
int service_enter(void);

struct service;
int service_start(const cJSON *routes, struct service **ret);
/* Stops it. */
struct service *service_free(struct service *s);
DEFINE_CLEANUP(struct service *, service_free)
/* "METHOD URL" of each request so far, in order. */
cJSON *service_requests(const struct service *s);
/* How often the client was asked to perform a request. (curl may ask a server twice, on a connection that
 * was just closed.) */
unsigned service_tries(const struct service *s);
/* A client whose clock does not wait: sleeping moves it. */
struct http service_client(struct service *s);
