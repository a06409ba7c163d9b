// SPDX-License-Identifier: Apache-2.0
/*
 * domains.h - the machines of a hypervisor and where their agents' channels end on this host, asked
 * through libvirt.
 *
 * libvirt's calls block; callers that must not wait call domains_list() in a process of its own.
 */
#pragma once

#include "base/diag.h"

#define DOMAINS_MAX 4096
#define DOMAIN_NAME_MAX                                                                            \
	64 /* longer ones, and those with other characters than a file name has, are left out */
#define DOMAIN_XML_MAX      (4U << 20)
#define DOMAIN_CHANNEL_NAME "org.sysmaster.agent.0"

struct domain {
	char name[DOMAIN_NAME_MAX + 1];
	char *channel; /* path of the Unix socket; NULL: it has no such channel, or does not run */
	bool active;
};

/* All domains of @uri (NULL: libvirt's default). 0, -ENOTCONN, -EIO. Free with domains_free(). */
int domains_list(const char *uri, struct diag *d, struct domain **ret, size_t *ret_n);
void domains_free(struct domain *domains, size_t n);

/*
 * From a domain's XML: <channel type='unix'> whose <target name=...> is @name, its <source
 * path=...>. Pure. 0, -ENOENT, -ENOMEM, -EBADMSG when the XML is cut off.
 */
int domain_channel_path(const char *xml, const char *name, char **ret);
bool domain_name_is_valid(const char *name);
