// SPDX-License-Identifier: Apache-2.0
/* The order in which a cloud-config is applied, and which keys are known. */
#include "metadata/modules/modules.h"

#include <stdio.h>

/* clang-format off */
const struct module modules[] = {
	{ "boothooks",		  STAGE_APPLY, EVERY_BOOT,	  "",					module_boothooks },
	{ "bootcmd",		  STAGE_APPLY, EVERY_BOOT,	  "bootcmd",				module_bootcmd },
	{ "write_files",	  STAGE_APPLY, ONCE_PER_INSTANCE, "write_files",			module_write_files },
	{ "hostname",		  STAGE_APPLY, EVERY_BOOT,
	  "hostname fqdn prefer_fqdn_over_hostname preserve_hostname create_hostname_file",		module_hostname },
	{ "etc_hosts",		  STAGE_APPLY, EVERY_BOOT,	  "manage_etc_hosts",			module_etc_hosts },
	{ "users",		  STAGE_APPLY, ONCE_PER_INSTANCE, "users user groups system_info",	module_users },
	{ "ssh",		  STAGE_APPLY, ONCE_PER_INSTANCE, "ssh_authorized_keys disable_root",	module_ssh },
	{ "set_passwords",	  STAGE_APPLY, ONCE_PER_INSTANCE, "password chpasswd ssh_pwauth",	module_set_passwords },
	{ "sysmaster",		  STAGE_APPLY, ONCE_PER_INSTANCE, "sysmaster",				module_sysmaster },
	{ "write_files_deferred", STAGE_FINAL, ONCE_PER_INSTANCE, "",					module_write_files_deferred },
	{ "runcmd",		  STAGE_FINAL, ONCE_PER_INSTANCE, "runcmd",				module_runcmd },
	{ "scripts_vendor",	  STAGE_FINAL, ONCE_PER_INSTANCE, "vendor_data",			module_scripts_vendor },
	{ "scripts_per_once",	  STAGE_FINAL, ONCE,		  "",					module_scripts_per_once },
	{ "scripts_per_boot",	  STAGE_FINAL, EVERY_BOOT,	  "",					module_scripts_per_boot },
	{ "scripts_per_instance", STAGE_FINAL, ONCE_PER_INSTANCE, "",					module_scripts_per_instance },
	{ "scripts_user",	  STAGE_FINAL, ONCE_PER_INSTANCE, "",					module_scripts_user },
};
/* clang-format on */
const size_t n_modules = ELEMENTSOF(modules);

int modules_run(struct context *c, enum module_stage stage)
{
	int failed = 0;

	for (size_t i = 0; i < n_modules; i++) {
		const struct module *m = &modules[i];
		auto_free char *mark = str_printf("%s%s/done-%s", c->state,
		                                  m->frequency == ONCE ? "/../.." : "", m->name);
		int r;

		if (m->stage != stage || !mark)
			continue;
		if (m->frequency != EVERY_BOOT && access(mark, F_OK) >= 0)
			continue;
		r = m->run(c);
		if (r < 0) {
			diag_add(c->d, r, DIAG_ERROR, m->name, 0, "%s", strerror(-r));
			failed++;
		}
		/* A module that failed is not tried at each boot: it would fail each time, and what
		 * it did in part stays done. */
		if (m->frequency != EVERY_BOOT) {
			r = file_write_atomic(mark, r < 0 ? "failed\n" : "done\n", r < 0 ? 7 : 5,
			                      0644, false);
			if (r < 0)
				diag_add(c->d, r, DIAG_WARNING, mark, 0,
				         "cannot be noted as done: %s", strerror(-r));
		}
	}
	return failed;
}

static bool is_known(const char *key)
{
	for (size_t i = 0; i < n_modules; i++) {
		auto_strv char **keys = NULL;

		if (strv_split(modules[i].keys, " ", &keys) >= 0 && strv_contains(keys, key))
			return true;
	}
	return false;
}

void modules_report_unknown(const cJSON *config, struct diag *d)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, config) if (!is_known(it->string))
		diag_add(d, -EOPNOTSUPP, DIAG_WARNING, "cloud-config", 0,
	                 "the key \"%s\" is not supported and was ignored", it->string);
}
