// SPDX-License-Identifier: Apache-2.0
/* The order in which a cloud-config is applied, and which keys are known. */
#include "metadata/modules/modules.h"

#include <stdio.h>

/* clang-format off */
const struct module modules[] = {
	{ "seed_random", STAGE_APPLY, ONCE_PER_INSTANCE, "random_seed", module_seed_random },
	{ "boothooks", STAGE_APPLY, EVERY_BOOT, "", module_boothooks },
	{ "bootcmd", STAGE_APPLY, EVERY_BOOT, "bootcmd", module_bootcmd },
	{ "write_files", STAGE_APPLY, ONCE_PER_INSTANCE, "write_files", module_write_files },
	{ "growpart", STAGE_APPLY, EVERY_BOOT, "growpart", module_growpart },
	{ "resizefs", STAGE_APPLY, EVERY_BOOT, "resize_rootfs", module_resizefs },
	{ "disk_setup", STAGE_APPLY, ONCE_PER_INSTANCE, "disk_setup fs_setup device_aliases", module_disk_setup },
	{ "mounts", STAGE_APPLY, ONCE_PER_INSTANCE, "mounts mount_default_fields swap", module_mounts },
	{ "set_hostname", STAGE_APPLY, EVERY_BOOT, "hostname fqdn prefer_fqdn_over_hostname preserve_hostname create_hostname_file", module_hostname },
	{ "update_etc_hosts", STAGE_APPLY, EVERY_BOOT, "manage_etc_hosts", module_etc_hosts },
	{ "resolv_conf", STAGE_APPLY, ONCE_PER_INSTANCE, "manage_resolv_conf resolv_conf", module_resolv_conf },
	{ "ca_certs", STAGE_APPLY, ONCE_PER_INSTANCE, "ca_certs ca-certs", module_ca_certs },
	{ "rsyslog", STAGE_APPLY, ONCE_PER_INSTANCE, "rsyslog", module_rsyslog },
	{ "users_groups", STAGE_APPLY, ONCE_PER_INSTANCE, "users user groups system_info", module_users },
	{ "ssh_host_keys", STAGE_APPLY, ONCE_PER_INSTANCE, "ssh_deletekeys ssh_genkeytypes ssh_keys ssh_quiet_keygen", module_ssh_host_keys },
	{ "ssh", STAGE_APPLY, ONCE_PER_INSTANCE, "ssh_authorized_keys disable_root disable_root_opts allow_public_ssh_keys", module_ssh },
	{ "set_passwords", STAGE_APPLY, ONCE_PER_INSTANCE, "password chpasswd ssh_pwauth", module_set_passwords },
	{ "wireguard", STAGE_APPLY, ONCE_PER_INSTANCE, "wireguard", module_wireguard },
	{ "keyboard", STAGE_APPLY, ONCE_PER_INSTANCE, "keyboard", module_keyboard },
	{ "locale", STAGE_APPLY, ONCE_PER_INSTANCE, "locale locale_configfile", module_locale },
	{ "ntp", STAGE_APPLY, ONCE_PER_INSTANCE, "ntp", module_ntp },
	{ "timezone", STAGE_APPLY, ONCE_PER_INSTANCE, "timezone", module_timezone },
	{ "disable_ec2_metadata", STAGE_APPLY, EVERY_BOOT, "disable_ec2_metadata", module_disable_ec2_metadata },
	{ "sysmaster", STAGE_APPLY, ONCE_PER_INSTANCE, "sysmaster", module_sysmaster },
	{ "ssh_slow_host_keys", STAGE_HOST_KEYS, ONCE_PER_INSTANCE, "", module_ssh_slow_host_keys },
	{ "ssh_import_id", STAGE_FINAL, ONCE_PER_INSTANCE, "ssh_import_id", module_ssh_import_id },
	{ "apt_configure", STAGE_FINAL, ONCE_PER_INSTANCE, "apt apt_pipelining", module_apt },
	{ "package_update_upgrade_install", STAGE_FINAL, ONCE_PER_INSTANCE, "packages package_update package_upgrade package_reboot_if_required apt_update apt_upgrade", module_packages },
	{ "write_files_deferred", STAGE_FINAL, ONCE_PER_INSTANCE, "", module_write_files_deferred },
	{ "runcmd", STAGE_FINAL, ONCE_PER_INSTANCE, "runcmd", module_runcmd },
	{ "scripts_vendor", STAGE_FINAL, ONCE_PER_INSTANCE, "vendor_data", module_scripts_vendor },
	{ "scripts_per_once", STAGE_FINAL, ONCE, "", module_scripts_per_once },
	{ "scripts_per_boot", STAGE_FINAL, EVERY_BOOT, "", module_scripts_per_boot },
	{ "scripts_per_instance", STAGE_FINAL, ONCE_PER_INSTANCE, "", module_scripts_per_instance },
	{ "scripts_user", STAGE_FINAL, ONCE_PER_INSTANCE, "", module_scripts_user },
	{ "ssh_authkey_fingerprints", STAGE_FINAL, ONCE_PER_INSTANCE, "no_ssh_fingerprints authkey_hash", module_authkey_fingerprints },
	{ "keys_to_console", STAGE_FINAL, ONCE_PER_INSTANCE, "ssh ssh_fp_console_blacklist ssh_key_console_blacklist", module_keys_to_console },
	{ "phone_home", STAGE_FINAL, ONCE_PER_INSTANCE, "phone_home", module_phone_home },
	{ "final_message", STAGE_FINAL, EVERY_BOOT, "final_message", module_final_message },
	{ "power_state_change", STAGE_FINAL, ONCE_PER_INSTANCE, "power_state", module_power_state },
};
/* Known, and read by others than modules. */
static const char *const other_keys[] = { "merge_how", "merge_type", "network", "datasource", "datasource_list", "updates", "launch-index",
	/* of an image's own configuration */
	"cloud_init_modules", "cloud_config_modules", "cloud_final_modules", "unverified_modules", "conf_d", "manual_cache_clean", "output", "logging",
	"log_cfgs", "log_basecfg", "_log", "def_log_file", "syslog_fix_perms", "warnings", "ssh_svcname", "syslog" };
/* clang-format on */
const size_t n_modules = ELEMENTSOF(modules);

const char *module_stage_to_string(enum module_stage stage)
{
	static const char *const names[] = {"apply", "final", "host-keys"};

	return names[stage];
}

static void note_time(struct context *c, const struct module *m, usec_t began, int r)
{
	cJSON *j = c->timings ? cJSON_CreateObject() : NULL;

	if (!j)
		return;
	json_add_string(j, "name", m->name);
	json_add_string(j, "stage", module_stage_to_string(m->stage));
	json_add_u64(j, "took_usec", now(CLOCK_BOOTTIME) - began);
	if (r < 0)
		json_add_bool(j, "failed", true);
	(void) json_append_take(c->timings, j);
}

/* That it ran, also where it failed: it would fail at each boot, and what it did in part stays done. */
static void make_mark(struct context *c, const struct module *m, const char *mark, bool failed)
{
	const char *text = failed ? "failed\n" : "done\n";
	auto_free char *sem = c->sem ? str_printf("%s/config_%s", c->sem, m->name) : NULL;
	int r = file_write_atomic(mark, text, strlen(text), 0644, false);

	if (r < 0)
		diag_add(c->d, r, DIAG_WARNING, mark, 0, "cannot be noted as done: %s",
		         strerror(-r));
	/* For who looks there; nothing is read from it. */
	if (sem && mkdir_parents(sem, 0755) >= 0)
		(void) file_write_atomic(sem, text, strlen(text), 0644, false);
}

int modules_run(struct context *c, enum module_stage stage)
{
	int failed = 0;

	for (size_t i = 0; i < n_modules; i++) {
		const struct module *m = &modules[i];
		auto_free char *mark = str_printf("%s%s/done-%s", c->state,
		                                  m->frequency == ONCE ? "/../.." : "", m->name);
		usec_t began = now(CLOCK_BOOTTIME);
		int r;

		if (m->stage != stage || !mark)
			continue;
		if (m->frequency != EVERY_BOOT && access(mark, F_OK) >= 0)
			continue;
		/* The machine may go down while this one runs, and must not go down again after it. */
		if (m->run == module_power_state)
			make_mark(c, m, mark, false);
		r = m->run(c);
		note_time(c, m, began, r);
		if (r < 0) {
			diag_add(c->d, r, DIAG_ERROR, m->name, 0, "%s", strerror(-r));
			failed++;
		}
		if (m->frequency != EVERY_BOOT)
			make_mark(c, m, mark, r < 0);
	}
	return failed;
}

static bool is_known(const char *key)
{
	for (size_t i = 0; i < ELEMENTSOF(other_keys); i++)
		if (streq(other_keys[i], key))
			return true;
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
