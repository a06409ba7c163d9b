// SPDX-License-Identifier: Apache-2.0
/*
 * source - one file a datasource: from what the platform offers to a struct instance.
 *
 * The table sources[] says for each its name, what it needs (media or files, or the network) and its
 * function. Documents are parsed by pure functions, named below, so that the same code reads a seed
 * folder, a recorded exchange and a fuzzer's input.
 *
 * A source never waits without a deadline and never asks a link-local address that detect/ (or a
 * pin) did not name: it is only called for names in detection.list.
 */
#pragma once

#include "metadata/detect/detect.h"
#include "metadata/source/http.h"

struct nic {
	char name[16];
	char mac[20];    /* lower case, colons; the permanent one */
	char driver[32]; /* "hv_netvsc"; "" unknown */
	bool is_up;
};

struct source_context {
	const struct machine *machine;
	const struct tree *media; /* the mounted medium, or the seed's folder; NULL: none */
	const char *origin;       /* the medium's or seed's name, for people */
	const cJSON *config;      /* datasource.NAME of the system's configuration; or NULL */
	const struct http *http;  /* NULL: the network must not be asked */
	const char *fabric; /* Azure's controller as the lease names it (option 245); or NULL */
	const char *default_user; /* the image's first user, for keys by user name; or NULL */
	const struct nic *nics;
	size_t n_nics;
	usec_t deadline;      /* BOOTTIME, absolute */
	bool host_is_trusted; /* no confidential machine, or the source was pinned */
	struct diag *d;
};

/* SOURCE_SOCKET: a service, but on a socket of this machine. */
enum { SOURCE_MEDIA = 1, SOURCE_NETWORK = 2, SOURCE_SOCKET = 4 };
struct source_row {
	const char *name;   /* "NoCloud" */
	const char *labels; /* labels of media, separated by blanks; NULL: none */
	const char *seeds;  /* folders below /var/lib/cloud/seed, separated by blanks */
	unsigned needs;
	/* 0; -ENOENT: not here; -EBADMSG: here, but unreadable (a finding says why); -EAGAIN: here, and the
	 * rest is behind the network */
	int (*from_media)(const struct source_context *c, struct instance **ret);
	int (*from_network)(const struct source_context *c, struct instance **ret);
	const struct web_source *web; /* instead of from_network: the service's row (web.h) */
	bool any_cdrom;               /* a medium without a label is looked at, too */
	/* The id is the machine's own: one that has not changed need not be asked again. The set is
	 * cloud-init's. */
	bool same_by_dmi;
};
extern const struct source_row sources[];
extern const size_t n_sources;
const struct source_row *source_find(const char *name);
int source_read_media(const struct source_row *s, const struct source_context *c,
                      struct instance **ret);
int source_read_network(const struct source_row *s, const struct source_context *c,
                        struct instance **ret);

int instance_new(const char *datasource, const char *origin, struct instance **ret);

/* ---- readers of files (pure but for the tree) ---- */
int source_altcloud_media(const struct source_context *c, struct instance **ret);
int source_configdrive_media(const struct source_context *c, struct instance **ret);
int source_opennebula_media(const struct source_context *c, struct instance **ret);
int source_ovf_media(const struct source_context *c, struct instance **ret);
int source_maas_media(const struct source_context *c, struct instance **ret);

/* ---- sources over HTTP ---- */
int source_azure(const struct source_context *c, struct instance **ret);
int source_bigstep(const struct source_context *c, struct instance **ret);
int source_ec2(const struct source_context *c, struct instance **ret);
int source_gce(const struct source_context *c, struct instance **ret);
int source_ibmcloud(const struct source_context *c, struct instance **ret);
int source_lxd(const struct source_context *c, struct instance **ret);
int source_maas(const struct source_context *c, struct instance **ret);
/* A NoCloud seed whose base is a URL; MMDS version 2 is spoken to when the base is link-local. */
int source_nocloud_url(const struct source_context *c, const char *url, struct instance **ret);
int source_openstack(const struct source_context *c, struct instance **ret);
int source_oracle(const struct source_context *c, struct instance **ret);

/* ---- sources over a serial line or the hypervisor ---- */
int source_cloudsigma(const struct source_context *c, struct instance **ret);
int source_smartos(const struct source_context *c, struct instance **ret);
int source_vmware(const struct source_context *c, struct instance **ret);
/* The conversation alone: @fd is the line, or a socket that stands for it. */
int cloudsigma_read(int fd, usec_t deadline, struct diag *d, struct instance **ret);
int smartos_read(int fd, usec_t deadline, struct diag *d, struct instance **ret);

/* ---- readers of documents (pure) ---- */

/* RFC 5849's PLAINTEXT header of consumer_key, consumer_secret, token_key, token_secret. */
int oauth_plaintext_header(const cJSON *config, int64_t seconds, uint64_t nonce, char **ret);

/* ovf-env.xml: {"metadata": {}, "user-data": text, "config": {}}. -EBADMSG with the reason. */
int ovf_env_parse(const char *xml, size_t size, struct diag *d, cJSON **ret);
int source_ovf_read(const char *xml, size_t size, const char *origin, struct diag *d,
                    struct instance **ret);
/* Could a drive of that name ("/dev/sr0", "xvdc1") hold one? */
bool ovf_is_cdrom_name(const char *device);
/* The same of Azure's; user-data stays base64. -ENOENT: it is somebody else's. */
int azure_ovf_env_parse(const char *xml, size_t size, struct diag *d, cJSON **ret);
/* context.sh: object of NAME -> value; only assignments, no shell is run. */
int opennebula_context_parse(const char *text, size_t size, struct diag *d, cJSON **ret);
/* VMware guestinfo: texts with their encodings -> instance. NULL texts are absent. */
struct guestinfo {
	const char *metadata, *metadata_encoding, *userdata, *userdata_encoding, *vendordata,
		*vendordata_encoding;
};
int guestinfo_read(const struct guestinfo *g, struct diag *d, struct instance **ret);
/* SmartOS: one frame of the V2 protocol; the request's text, and what an answer says. */
int smartos_request(const char *id, const char *command, const char *key, char **ret);
int smartos_response_parse(const char *line, const char *id,
                           struct blob *ret); /* -ENOENT: NOTFOUND */
/* GCE: lines "user:key" of metadata, filtered by user and google-ssh's expireOn. @now: seconds. */
bool gce_key_has_expired(const char *key, int64_t now);
int gce_keys_parse(char *const *lines, const char *default_user, int64_t now, char ***ret);
/* vendor_data.json in any of its forms -> user-data text; -ENOENT: nothing for us. */
int vendor_data_text(const cJSON *v, struct diag *d, cJSON **ret);

/* ---- NoCloud, which is told in many places ---- */

/* Order: SMBIOS serial, kernel command line, seed folder, configuration, @c->media; what is said first of
 * meta-data counts. */
int source_nocloud_local(const struct source_context *c, struct instance **ret);
int source_nocloud_network(const struct source_context *c, struct instance **ret);
/* The document meta-data: a map, or nothing. */
int seed_take_meta_data(struct instance *i, const struct blob *b, struct diag *d);

/* ---- credentials of the machine (SMBIOS strings of type 11, fw_cfg, kernel command line), as the manager keeps them ---- */

/* One of ours is there. */
bool credentials_are_given(const struct tree *root);
int source_credentials(const struct source_context *c, struct instance **ret);
