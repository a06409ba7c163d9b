// SPDX-License-Identifier: Apache-2.0
/*
 * compat - cloud-init's files and commands: what other programs and people look at.
 *
 *   /run/cloud-init/       status.json result.json instance-data.json instance-data-sensitive.json cloud-id ...
 *   /var/lib/cloud/        instance -> instances/ID, data/, sem/, scripts/
 *
 * They are written, and never read by what applies metadata, but for the folders of scripts (modules/commands.c): its own state is
 * below /var/lib/sysmaster/metadata.
 * Under the names cloud-init and cloud-id the program answers to status, query, schema, clean, analyze.
 */
#pragma once

#include "metadata/boot/boot.h"
#include "metadata/cmd/cmd.h"
#include "metadata/modules/modules.h"

#define COMPAT_RUN "run/cloud-init"
#define COMPAT_LIB "var/lib/cloud"

/* A stage begins or ends, in cloud-init's words: status.json. @d: NULL at its begin. */
int compat_stage(const char *root, const struct instance *i, const char *stage, usec_t began,
                 const struct diag *d, bool failed);
/* All other files of an instance, once its configuration is known. */
int compat_instance(const char *root, const struct instance *i, const struct userdata *u,
                    const cJSON *data);
/* The boot is over: result.json, boot-finished. */
int compat_finished(const char *root, const struct instance *i, usec_t up);
/* There is nothing to apply on this machine. */
int compat_disabled(const char *root);
/* "DataSourceNoCloud [/dev/sr0]". */
char *compat_datasource(const struct instance *i);

/* What network_configure() works with beside the configuration. */
struct network_job {
	const cJSON *cmdline; /* what the kernel line says; counts most; NULL: nothing */
	const struct nic
		*nics; /* candidates, the best first: for a network that nobody described */
	size_t n_nics;
	const char *device;       /* the one that led to the service; NULL: the first */
	struct lease_set *leases; /* NULL: the local stage, where nothing waits */
	bool is_pending;          /* out: the network stage has to go on with it */
};
/* The network that the configuration or the platform describes: files for the image's manager, once an instance,
 * or netlink, each boot. Findings say what failed. */
int network_configure(struct context *c, struct network_job *job);
/* The renderer that this image uses: "netplan", "networkd" or "netlink". */
const char *network_renderer(const struct context *c);

/* cloud-init VERB ..., cloud-id: argv[0] is the verb. */
int cmd_cloud_init(int argc, char **argv);
int cmd_cloud_id(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_analyze(int argc, char **argv);
