// SPDX-License-Identifier: Apache-2.0
/* The table of datasources, in cloud-init's words: what each needs, and who reads it. */
#include "metadata/source/web.h"

const struct source_row sources[] = {
	/* clang-format off */
	/* name            labels                  seeds                   needs                            media                       network              row */
	{"Akamai",         NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_akamai, .same_by_dmi = true},
	{"AliYun",         NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_aliyun},
	{"AltCloud",       "CDROM cdrom",          NULL,                   SOURCE_MEDIA,                    source_altcloud_media,      NULL,                NULL, .any_cdrom = true},
	{"Azure",          NULL,                   "azure",                SOURCE_MEDIA | SOURCE_NETWORK,   NULL,                       source_azure,        NULL, .any_cdrom = true, .same_by_dmi = true},
	{"Bigstep",        NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       source_bigstep,      NULL},
	{"CloudCIX",       NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_cloudcix},
	{"CloudSigma",     NULL,                   NULL,                   SOURCE_MEDIA,                    source_cloudsigma,          NULL,                NULL},
	{"CloudStack",     NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_cloudstack},
	{"ConfigDrive",    "config-2 CONFIG-2",    "config_drive",         SOURCE_MEDIA,                    source_configdrive_media,   NULL,                NULL},
	{"Credentials",    NULL,                   NULL,                   SOURCE_MEDIA,                    source_credentials,         NULL,                NULL},
	{"DigitalOcean",   NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_digitalocean, .same_by_dmi = true},
	{"Ec2",            NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       source_ec2,          NULL},
	{"Exoscale",       NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_exoscale},
	{"GCE",            NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       source_gce,          NULL},
	{"Hetzner",        NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_hetzner, .same_by_dmi = true},
	{"IBMCloud",       "METADATA metadata config-2 CONFIG-2", NULL,    SOURCE_MEDIA | SOURCE_NETWORK,   source_configdrive_media,   source_ibmcloud,     NULL},
	{"LXD",            NULL,                   NULL,                   SOURCE_SOCKET,                   NULL,                       source_lxd,          NULL},
	{"MAAS",           NULL,                   "maas",                 SOURCE_MEDIA | SOURCE_NETWORK,   source_maas_media,          source_maas,         NULL},
	{"NWCS",           NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_nwcs},
	{"NoCloud",        "cidata CIDATA",        "nocloud nocloud-net",  SOURCE_MEDIA | SOURCE_NETWORK,   source_nocloud_local,       source_nocloud_network,          NULL},
	{"OVF",            "OVF ovf",              "ovf",                  SOURCE_MEDIA,                    source_ovf_media,           NULL,                NULL, .any_cdrom = true},
	{"OpenNebula",     "CONTEXT CDROM",        "opennebula",           SOURCE_MEDIA,                    source_opennebula_media,    NULL,                NULL},
	{"OpenStack",      NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       source_openstack,    NULL, .same_by_dmi = true},
	{"Oracle",         NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       source_oracle,       NULL, .same_by_dmi = true},
	{"Scaleway",       NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_scaleway},
	{"SmartOS",        NULL,                   NULL,                   SOURCE_MEDIA,                    source_smartos,             NULL,                NULL},
	{"UpCloud",        NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_upcloud, .same_by_dmi = true},
	{"VMware",         NULL,                   NULL,                   SOURCE_MEDIA,                    source_vmware,              NULL,                NULL},
	{"Vultr",          NULL,                   NULL,                   SOURCE_NETWORK,                  NULL,                       NULL,                &web_vultr},
	/* clang-format on */
};
const size_t n_sources = ELEMENTSOF(sources);

const struct source_row *source_find(const char *name)
{
	for (size_t i = 0; i < n_sources; i++)
		if (streq(sources[i].name, name))
			return &sources[i];
	return NULL;
}

int source_read_media(const struct source_row *s, const struct source_context *c,
                      struct instance **ret)
{
	return s->from_media && c->media ? s->from_media(c, ret) : -ENOENT;
}

int source_read_network(const struct source_row *s, const struct source_context *c,
                        struct instance **ret)
{
	if (!c->http)
		return -ENOENT;
	if (s->web)
		return web_read(c, s->web, ret);
	return s->from_network ? s->from_network(c, ret) : -ENOENT;
}
