// SPDX-License-Identifier: Apache-2.0
/*
 * boot - from a machine to its instance, at boot: docs/design/metadata-boot.md.
 *
 *   config.c   the image's own configuration: cloud.cfg, cloud.cfg.d, kernel line
 *   nics.c     what is plugged in, and which of it may lead to a service
 *   media.c    seed folders and labelled media, mounted for as long as they are read
 *   search.c   the names of detection -> local readers -> an instance, or "the network is needed"
 *   reach.c    DHCP on all candidates, the source over each lease
 *   leases.c   leases of several interfaces, and the keeper; lease-kernel.c: into the kernel and out of it
 *   leases6.c  the same for an interface's IPv6 address, by DHCPv6 or router advertisement
 *   cache.c    the instance of an earlier boot, and whether this is the same machine
 *
 * It puts the rooms together and is used by cmd/ alone. Nothing here waits without a deadline.
 */
#pragma once

#include "metadata/dhcp/dhcp6.h"
#include "metadata/source/source.h"

#define METADATA_STATE "var/lib/sysmaster/metadata"
#define METADATA_RUN   "run/sysmaster/metadata"

#define NETWORK_DEADLINE     (120 * USEC_PER_SEC)
#define NETWORK_DEADLINE_MAX (600 * USEC_PER_SEC)
#define LEASE_DEADLINE       (10 * USEC_PER_SEC)
#define NICS_DEADLINE        (2 * USEC_PER_SEC)
#define SETTLE_DEADLINE      (30 * USEC_PER_SEC)
#define CANDIDATES_MAX       16

/* ---- config.c ---- */

/**
 * system_config_read - the image's configuration, in cloud-init's order
 * @root: files of the machine
 * @line: kernel command line or NULL; "cc: ... end_cc" counts most
 * What cannot be parsed is a finding and the rest counts. Returns 0 with an object, or -ENOMEM.
 */
int system_config_read(const struct tree *root, const char *line, struct diag *d, cJSON **ret);
/* Whether sshd may be up before the rest of the boot (docs/design/metadata-boot.md): yes, unless the word sysmaster.early-login= of
 * the kernel command line, else early_login in the section "sysmaster" of the image's configuration, says no. @line may be NULL. */
bool early_login_is_wanted(const cJSON *config, const char *line);
/* fstab(5) names a file system that comes over the network. */
bool fstab_names_network(const char *text);
/* Says so to core below @root, and to systemd-tmpfiles that nobody is to be kept out. 1: said, 0: not wanted, or fstab's file systems of
 * the network are waited for. */
int early_login_permit(const char *root, const cJSON *config, const char *line);

/* ---- nics.c ---- */

/* Candidates, the best first; at most CANDIDATES_MAX. */
int nics_read(struct nic **ret, size_t *ret_n);
/* There is hardware that may become one when its driver is loaded. */
bool nics_may_come(void);
/* udev, where it runs, has given it its name: it cannot once an interface is up, and networkd leaves alone what has none. */
bool nic_is_settled(const struct nic *c);
/*
 * The same again until there is one and all are settled. From @since on (0: one look) NICS_DEADLINE for the one and SETTLE_DEADLINE for
 * the other: a starved machine's udev takes tens of seconds. 0, -ETIMEDOUT, -ENODEV.
 */
int nics_wait(struct nic **nics, size_t *n, usec_t since);
/* An interface other than lo has an address that reaches beyond its link. */
int network_has_address(void);

/* ---- the search ---- */

struct lease_set;
struct search {
	const char *root; /* "" or an image's folder */
	bool is_live;
	int root_fd;
	struct machine machine;
	struct detection found;
	cJSON *config; /* system_config_read() */
	struct nic *nics;
	size_t n_nics;
	struct diag *d;
	char **names; /* of sources to ask, in order, as the table spells them */
	bool may_ask; /* a positive identity or a pin: the network may be asked */
	char *device; /* reach: the interface that led to the service; NULL: as routes say */
};
/* Reads the machine and detects. Verdicts are in s->found. search_done() in any case. */
int search_begin(struct search *s, const char *root, const char *only, struct diag *d);
void search_done(struct search *s);
/* The part of it that is data alone: s->names of what was detected and configured. */
int search_take_names(struct search *s);
/* 0; -ENOENT nobody is here; -EAGAIN the network is needed; another error: here, but unreadable. */
int search_local(struct search *s, struct instance **ret);
/* Over the network as it is; @lease: what DHCP told of it, or NULL. 0, -ENOENT, -ETIMEDOUT, -EBADMSG. */
int search_services(struct search *s, const struct http *http, const struct dhcp_lease *lease,
                    usec_t deadline, struct instance **ret);
/* The deadline of the network stage: the longest that a name's configuration asks for. */
usec_t search_network_wait(const struct search *s);

/* ---- media.c ---- */

/* Calls @read with each seed folder and medium of @row until it returns something but -ENOENT. */
int media_each(const struct search *s, const struct source_row *row,
               int (*read)(void *userdata, const struct tree *t, const char *origin),
               void *userdata);
/* Whether a device may hold what @row reads: 0 or 1; -ENOMEM. */
int media_is_of(const struct search *s, const struct source_row *row, const struct block_device *b);

/* ---- leases.c ---- */

/* How an interface comes to an IPv6 address beyond its link. */
enum six_how {
	SIX_NONE,
	SIX_RA,         /* router advertisements alone */
	SIX_RA_OR_DHCP, /* as the router says; without one, DHCPv6 */
	SIX_DHCP,
};
struct lease6 {
	enum six_how how; /* what the configuration asks for */
	struct dhcp6_client *client;
	struct dhcp6_lease lease;
	bool is_bound, is_set, use_dns, use_domains;
	usec_t bound_at;
	struct in6_addr set_address;
};

struct lease_entry {
	char device[16];
	int index;                  /* the interface may get another name meanwhile */
	struct dhcp_client *client; /* NULL: only kept for its address */
	struct dhcp_lease lease;
	bool is_bound, is_set; /* there is a lease; it is in the kernel */
	bool is_wanted;        /* the configuration asks for it */
	bool use_dns, use_routes, use_mtu, use_domains;
	unsigned metric;
	usec_t bound_at;            /* BOOTTIME, when the lease began */
	struct in_addr set_address; /* what is in the kernel */
	unsigned set_prefix;
	struct lease6 six;
	/* The keeper's: what is not as it should be, and is tried again. */
	int begin_error, set_error, set_error6; /* the last one, or 0 */
};
struct lease_set {
	struct lease_entry items[CANDIDATES_MAX];
	size_t n;
};
void lease_set_done(struct lease_set *l);
struct lease_entry *lease_find(struct lease_set *l, const char *device);
/* Brings the interface up and begins to ask; -EEXIST is no error. */
int lease_begin(struct lease_set *l, const char *device, const char *host_name);
/* Address with its lifetime, routes, MTU; again: renewed. */
int lease_set_kernel(struct lease_entry *e);
/* Takes address (and so the routes) away. */
int lease_unset_kernel(struct lease_entry *e);
/* What is in the kernel shall stay there. */
void lease_keep(struct lease_entry *e);
/* Until all that are wanted are bound, at most @deadline. Number of those that are not. */
int leases_wait(struct lease_set *l, usec_t deadline);

/* leases6.c: asks for an address, beside or without IPv4's; @how is set. */
int lease6_begin(struct lease_set *l, const char *device, enum six_how how);
/* The configuration wants a lease, and not only what routers announce. */
bool lease6_is_asked(const struct lease_entry *e);
/* It is wanted, and neither a lease nor an advertised address is there. */
bool lease6_is_missing(const struct lease_entry *e);
int lease6_set_kernel(struct lease_entry *e);
int lease6_unset_kernel(struct lease_entry *e);
/* An address beyond the link, that is settled, on any interface but lo: 0 or 1. */
int network_has_address6(void);

/* Servers and domains of all leases in use, after those of @servers and @domains. */
int leases_names(const struct lease_set *l, char ***servers, char ***domains);
/* What the keeper goes on with: METADATA_RUN/leases.json. */
int leases_save(const struct lease_set *l);
int leases_load(struct lease_set *l);
/* Renews until @stop becomes true; never returns otherwise. */
int leases_keep(struct lease_set *l, const volatile bool *stop);

/* ---- reach.c ---- */

/**
 * reach_instance - the network stage: leases, and the first source that answers over one of them
 * @leases: those that were got stay in it
 * Returns as search_services().
 */
int reach_instance(struct search *s, struct lease_set *leases, usec_t deadline,
                   struct instance **ret);

/* Any lease will do: the first that comes, in the kernel. -ETIMEDOUT. */
int reach_any(struct search *s, struct lease_set *leases, usec_t deadline);

/* ---- cache.c ---- */

int instance_to_json(const struct instance *i, const struct machine *m, cJSON **ret);
int instance_of_json(const cJSON *j, struct instance **ret);
/* Keeps it for the next boot, and for the final stage of this one. */
int cache_save(const char *root, const struct instance *i, const struct machine *m);
enum cache_match {
	CACHE_OTHER,  /* another machine, or it cannot be told */
	CACHE_SAME,   /* the same by SMBIOS */
	CACHE_MANUAL, /* whoever cleans it decides */
};
/* The last instance; -ENOENT. @m NULL: what this boot applied. */
int cache_load(const char *root, const struct machine *m, const cJSON *config,
               enum cache_match *ret_match, struct instance **ret);
