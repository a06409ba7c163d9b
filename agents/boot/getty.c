// SPDX-License-Identifier: Apache-2.0
/*
 * getty.c - a login on each console that is no virtual one (those have logind's, or getty@tty1): the kernel's, a hypervisor's, and in
 * a container those that its manager promises. Spec: systemd-getty-generator(8) of v252, Container Interface.
 */
#include "boot/fstab.h"

#include "unitfile/name.h"
#include "unitfile/unitfile.h"

#define VIRTUAL_CONSOLES_MAX 63 /* of the kernel */
#define ACTIVE_CONSOLES      "/sys/class/tty/console/active"

static int link_getty(struct generator *g, const char *unit, const char *file)
{
	auto_free char *folder = path_join(g->normal, "getty.target.wants"),
		       *path = folder ? path_join(folder, unit) : NULL,
		       *target = path_join(UNIT_FOLDER, file);
	int r;

	if (!path || !target)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	/* A console may be named twice, by the kernel and by the list of the hypervisors'. */
	if (r >= 0 && symlink(target, path) < 0 && errno != EEXIST)
		r = -errno;
	return r < 0 ? log_error_errno(r, "Failed to link '%s': %m", path) : 0;
}

static int link_instance(struct generator *g, const char *prefix, const char *tty)
{
	auto_free char *escaped = NULL, *unit = NULL, *file = str_printf("%s@.service", prefix);
	int r = unit_name_path_escape(tty, &escaped);

	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", tty);
	unit = str_printf("%s@%s.service", prefix, escaped);
	if (!unit || !file)
		return -ENOMEM;
	return link_getty(g, unit, file);
}

static bool is_virtual_console(const char *tty)
{
	const char *number = str_after(tty, "tty");
	uint32_t n;

	return number && str_to_u32(number, &n) >= 0 && n <= VIRTUAL_CONSOLES_MAX;
}

/* /dev/console of a serial line that is not there can be opened, but is no terminal. */
static bool is_terminal(const char *tty)
{
	auto_free char *path = path_join("/dev", tty);
	auto_fd int fd =
		path ? open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW) : -1;

	return fd >= 0 && isatty(fd);
}

static int add_container(struct generator *g)
{
	auto_free char *ttys = NULL;
	auto_strv char **names = NULL;
	int r = link_getty(g, "console-getty.service", "console-getty.service");

	if (r < 0 || boot_init_getenv("container_ttys", &ttys) < 0)
		return r;
	r = strv_split(ttys, " \t\n\r", &names);
	STRV_FOREACH (n, names) {
		/* "pts/3" or a path of it: only pseudo terminals are a manager's to give. */
		const char *name = path_rest(*n, "/dev");

		name = path_rest(name ? name : *n, "pts");
		if (r < 0 || !name)
			continue;
		r = link_instance(g, "container-getty", name);
	}
	return r;
}

static int add_kernel_consoles(struct generator *g)
{
	auto_free char *line = NULL;
	auto_strv char **names = NULL;
	int r = file_read_line(ACTIVE_CONSOLES, &line);

	if (r < 0) {
		if (r != -ENOENT)
			log_warning_errno(r, "Failed to read %s: %m", ACTIVE_CONSOLES);
		return 0;
	}
	r = strv_split(line, " \t", &names);
	STRV_FOREACH (n, names) {
		if (r < 0)
			break;
		if (!is_virtual_console(*n) && is_terminal(*n))
			r = link_instance(g, "serial-getty", *n);
	}
	return r;
}

static int add_hypervisor_consoles(struct generator *g)
{
	static const char *const names[] = {"hvc0",       "xvc0",     "hvsi0",
	                                    "sclp_line0", "ttysclp0", "3270/tty1"};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++) {
		auto_free char *path = path_join("/dev", names[i]);

		if (!path)
			return -ENOMEM;
		if (access(path, F_OK) >= 0)
			r = link_instance(g, "serial-getty", names[i]);
	}
	return r;
}

static bool is_wanted(const struct generator *g)
{
	auto_free char *told = NULL;
	const char *value;
	bool wanted = true;
	int r;

	STRV_FOREACH (w, g->cmdline) {
		if (!cmdline_word_is(*w, "systemd.getty_auto", &value))
			continue;
		r = value ? str_to_bool(value) : 1;
		if (r < 0)
			log_warning("Ignoring systemd.getty_auto=%s, which is neither yes nor no",
			            value);
		else
			wanted = r;
	}
	/* A container manager says it in PID 1's environment. */
	if (boot_init_getenv("SYSTEMD_GETTY_AUTO", &told) >= 0) {
		r = str_to_bool(told);
		if (r < 0)
			log_warning(
				"Ignoring $SYSTEMD_GETTY_AUTO '%s', which is neither yes nor no",
				told);
		else
			wanted = r;
	}
	return wanted;
}

int getty_generate(struct generator *g)
{
	int r;

	if (!is_wanted(g))
		return 0;
	if (g->container)
		return add_container(g);
	r = add_kernel_consoles(g);
	return r < 0 ? r : add_hypervisor_consoles(g);
}
