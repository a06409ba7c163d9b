// SPDX-License-Identifier: Apache-2.0
/* options.c - kernel-command-line(7): which target, which units not, which more, how loud. */
#include "core.h"

/* Words of one kernel parameter that are old names of targets: systemd.special(7), runlevel(8). */
static const struct {
	const char *word, *target;
} target_words[] = {
	{"emergency", "emergency.target"},
	{"-b", "emergency.target"},
	{"rescue", "rescue.target"},
	{"single", "rescue.target"},
	{"s", "rescue.target"},
	{"S", "rescue.target"},
	{"1", "rescue.target"},
	{"2", "multi-user.target"},
	{"3", "multi-user.target"},
	{"4", "multi-user.target"},
	{"5", "graphical.target"},
};

static int set_target(struct core *c, const char *value)
{
	return unit_name_is_valid(value, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE)
	               ? str_set(&c->target, value)
	               : -EINVAL;
}

static int add_unit(char ***v, const char *value)
{
	auto_free char *name = NULL;
	int r = unit_name_mangle(value, false, &name);

	return r < 0 ? r : strv_append_unique(v, name);
}

static int set_mask(struct core *c, const char *value)
{
	return add_unit(&c->mask, value);
}

static int set_wants(struct core *c, const char *value)
{
	return add_unit(&c->wants, value);
}

static int set_log_level(struct core *c _unused_, const char *value)
{
	static const char *const names[] = {"emerg",   "alert",  "crit", "err",
	                                    "warning", "notice", "info", "debug"};
	int level = ENUM_FROM_STRING(names, value);

	if (level < 0 && value[0] >= '0' && value[0] <= '7' && !value[1])
		level = value[0] - '0';
	if (level < 0)
		return level;
	log_set_level(level);
	return 0;
}

static int set_show_status(struct core *c, const char *value)
{
	int b = str_to_bool(value);

	if (b < 0 && !streq(value, "auto") && !streq(value, "error"))
		return b;
	c->show_status = b > 0;
	return 0;
}

static int set_environment(struct core *c, const char *value)
{
	const char *equals = strchr(value, '=');

	return equals && equals != value ? env_set(&c->manager->environment, value) : -EINVAL;
}

static const struct {
	const char *key;
	int (*set)(struct core *c, const char *value);
} options[] = {
	{"systemd.unit=", set_target},
	{"systemd.mask=", set_mask},
	{"systemd.wants=", set_wants},
	{"systemd.log_level=", set_log_level},
	{"systemd.log-level=", set_log_level},
	{"systemd.show_status=", set_show_status},
	{"systemd.show-status=", set_show_status},
	{"systemd.setenv=", set_environment},
};

static void apply_word(struct core *c, const char *word)
{
	for (size_t i = 0; i < ELEMENTSOF(target_words); i++)
		if (streq(word, target_words[i].word) &&
		    str_set(&c->target, target_words[i].target) < 0)
			log_error("Out of memory for \"%s\"", word);
	for (size_t i = 0; i < ELEMENTSOF(options); i++) {
		const char *value = str_after(word, options[i].key);
		int r = value ? options[i].set(c, value) : 0;

		if (r < 0)
			log_warning_errno(r, "Kernel parameter \"%s\" is ignored: %m", word);
	}
	if (streq(word, "quiet"))
		c->show_status = false;
	if (streq(word, "debug"))
		log_set_level(LOG_DEBUG);
}

int options_read(struct core *c)
{
	char **words;
	int r;

	r = host_cmdline(&words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words)
		apply_word(c, *w);
	return 0;
}

/*
 * Who may wait while the machine comes up, and who goes first. udevd and its workers take more of a VM's boot than everything else
 * together, most of it for devices that no unit waits for, and modules are loaded for mounts that nobody looks into yet. On the other
 * side is the one chain from the root file system to a login, each of whose links would else start behind dozens of units that nobody
 * waits for. These are weights and no limits: a CPU that nobody else wants is anybody's, and no order changes but that of jobs that
 * may run at a time. In between is what sysinit.target waits for one after the other. Below all other folders, so that a file of this
 * name in /etc replaces it.
 */
#define MAY_WAIT   "[Service]\nStartupCPUWeight=20\n"
#define GOES_LATE  "[Service]\nStartupCPUWeight=50\n" /* but networkd waits for it */
#define GOES_NEXT  "[Service]\nStartupCPUWeight=500\n"
#define GOES_FIRST "[Service]\nStartupCPUWeight=1000\n"
static const struct {
	const char *unit, *text;
} startup_dropins[] = {
	{"kmod-static-nodes.service", GOES_FIRST},
	{"modprobe@.service", MAY_WAIT},
	{"ssh.service", GOES_FIRST},
	{"systemd-binfmt.service", MAY_WAIT},
	{"systemd-fsck-root.service", GOES_FIRST},
	{"systemd-journal-flush.service", GOES_NEXT},
	{"systemd-journald.service", GOES_NEXT},
	{"systemd-networkd.service", GOES_FIRST},
	{"systemd-remount-fs.service", GOES_FIRST},
	{"systemd-sysusers.service", GOES_FIRST},
	{"systemd-tmpfiles-setup-dev.service", GOES_FIRST},
	{"systemd-tmpfiles-setup.service", GOES_NEXT},
	{"systemd-udevd.service", GOES_LATE},
	{"systemd-user-sessions.service", GOES_FIRST},
};

void options_write_startup(void)
{
	for (size_t i = 0; i < ELEMENTSOF(startup_dropins); i++) {
		auto_free char *path =
			str_printf("/run/systemd/generator.late/%s.d/10-startup.conf",
		                   startup_dropins[i].unit);
		const char *text = startup_dropins[i].text;

		if (!path || mkdir_parents(path, 0755) < 0 ||
		    file_write_atomic(path, text, strlen(text), 0644, false) < 0)
			log_warning("Failed to write the startup weight of %s",
			            startup_dropins[i].unit);
	}
}

/* In the folder that stands above /etc, where systemd's own debug generator writes the same. */
void options_write_units(const struct core *c)
{
	static const char early[] = "/run/systemd/generator.early";
	auto_free char *folder =
		str_printf("%s/%s.wants", early, c->target ? c->target : "default.target");

	STRV_FOREACH (name, c->mask) {
		auto_free char *path = path_join(early, *name);

		if (!path || symlink_atomic("/dev/null", path) < 0)
			log_warning("Failed to mask %s", *name);
	}
	STRV_FOREACH (name, c->wants) {
		auto_free char *path = folder ? path_join(folder, *name) : NULL,
			       *target = path_join("/lib/systemd/system", *name);

		if (!path || !target || mkdir_p(folder, 0755) < 0 ||
		    symlink_atomic(target, path) < 0)
			log_warning("Failed to add %s to the boot", *name);
	}
}
