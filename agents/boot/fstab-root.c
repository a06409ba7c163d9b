// SPDX-License-Identifier: Apache-2.0
/*
 * fstab-root.c - what the kernel command line says of the root and /usr. Only an initrd mounts them by it; the machine's own root is
 * there, and takes its options from fstab.
 */
#include "boot/fstab.h"

#include "unitfile/unitfile.h"

#include <arpa/inet.h>

/* ---- reading ---- */

static int add_options(char **options, const char *more)
{
	char *s = str_is_empty(*options) ? strdup(more) : str_printf("%s,%s", *options, more);

	if (!s)
		return -ENOMEM;
	free(*options);
	*options = s;
	return 0;
}

static void read_switch(const char *key, const char *value, bool *ret)
{
	int r = value ? str_to_bool(value) : 1;

	if (r < 0)
		log_warning("Ignoring %s=%s, which is neither yes nor no", key, value);
	else
		*ret = r > 0;
}

static void read_volatile(const char *value, enum fstab_volatile *ret)
{
	int r = value ? str_to_bool(value) : 1;

	if (r >= 0)
		*ret = r ? VOLATILE_YES : VOLATILE_NO;
	else if (streq(value, "state"))
		*ret = VOLATILE_STATE;
	else if (streq(value, "overlay"))
		*ret = VOLATILE_OVERLAY;
	else
		log_warning("Ignoring systemd.volatile=%s, which is not known", value);
}

static int read_word(const char *word, bool initrd, struct fstab_cmdline *c)
{
	const struct {
		const char *key;
		char **field;
		bool adds; /* several of them are one list */
	} texts[] = {
		{"root", &c->root, false},
		{"rootfstype", &c->root_type, false},
		{"rootflags", &c->root_options, true},
		{"roothash", &c->root_hash, false},
		{"mount.usr", &c->usr, false},
		{"mount.usrfstype", &c->usr_type, false},
		{"mount.usrflags", &c->usr_options, true},
		{"usrhash", &c->usr_hash, false},
	};
	const char *value;

	for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
		if (!cmdline_word_is(word, texts[i].key, &value))
			continue;
		if (!value) {
			log_warning("Ignoring %s= of the kernel command line, which has no value",
			            texts[i].key);
			return 0;
		}
		if (texts[i].adds)
			return add_options(texts[i].field, value);
		return str_set(texts[i].field, value);
	}
	if (cmdline_word_is(word, "fstab", &value) ||
	    (initrd && cmdline_word_is(word, "rd.fstab", &value)))
		read_switch("fstab", value, &c->enabled);
	else if (cmdline_word_is(word, "systemd.swap", &value))
		read_switch("systemd.swap", value, &c->swap);
	else if (cmdline_word_is(word, "systemd.volatile", &value))
		read_volatile(value, &c->volatile_mode);
	else if (streq(word, "rw") || streq(word, "ro"))
		c->rw = word[1] == 'w';
	return 0;
}

/* With a hash, and no device that was named, it is the one that systemd-veritysetup makes. */
static int verity_device(const char *hash, const char *device, char **what)
{
	if (!hash || *what)
		return 0;
	*what = strdup(device);
	return *what ? 0 : -ENOMEM;
}

int fstab_cmdline_read(const struct generator *g, struct fstab_cmdline *c)
{
	int r = 0;

	*c = (struct fstab_cmdline){.rw = -1, .enabled = true, .swap = true};
	STRV_FOREACH (w, g->cmdline) {
		r = read_word(*w, g->initrd, c);
		if (r < 0)
			return r;
	}
	r = verity_device(c->root_hash, "/dev/mapper/root", &c->root);
	return r < 0 ? r : verity_device(c->usr_hash, "/dev/mapper/usr", &c->usr);
}

void fstab_cmdline_done(struct fstab_cmdline *c)
{
	free(c->root);
	free(c->root_type);
	free(c->root_options);
	free(c->root_hash);
	free(c->usr);
	free(c->usr_type);
	free(c->usr_options);
	free(c->usr_hash);
}

/* ---- units ---- */

static bool is_address(const char *s, size_t n)
{
	auto_free char *address = NULL;
	struct in6_addr a;

	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		address = strndup(s + 1, n - 2);
		return address && inet_pton(AF_INET6, address, &a) == 1;
	}
	address = strndup(s, n);
	return address && inet_pton(AF_INET, address, &a) == 1;
}

/* Roots that other parts of an initrd mount: over the network, from an image, or by their partition's type. */
static bool root_is_not_ours(const char *root)
{
	static const char *const exact[] = {"gpt-auto", "dhcp", "dhcp6"},
				 *const prefixes[] = {"nfs:", "nfs4:", "cifs://",
	                                              "iscsi:", "live:"};
	const char *end;

	if (path_is(root, "/dev/nfs"))
		return true;
	for (size_t i = 0; i < ELEMENTSOF(exact); i++)
		if (streq(root, exact[i]))
			return true;
	for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
		if (str_after(root, prefixes[i]))
			return true;
	/* NFS: [ADDRESS:]PATH, with an IPv6 address in brackets */
	if (path_is_absolute(root) && !path_rest(root, "/dev"))
		return true;
	end = root[0] == '[' ? strchr(root, ']') : NULL;
	end = end ? end + 1 : strchr(root, ':');
	return end && *end == ':' && is_address(root, (size_t) (end - root));
}

/* @word, "ro" or "rw", unless @options say one of them and @override is not set. */
static int with_access(const char *options, const char *word, bool override, char **ret)
{
	static const char *const either[] = {"ro", "rw", NULL};

	if (str_is_empty(options))
		*ret = strdup(word);
	else if (override || !option_is_set(options, either))
		*ret = str_printf("%s,%s", options, word);
	else
		*ret = strdup(options);
	return *ret ? 0 : -ENOMEM;
}

static int add_root(struct generator *g, const struct fstab_cmdline *c)
{
	static const char *const mode[] = {"mode", NULL};
	bool tmpfs = c->root && streq(c->root, "tmpfs");
	auto_free char *what = NULL, *options = NULL, *unit = NULL, *body = NULL;
	struct fstab_mount m = {.source = "/proc/cmdline",
	                        .dir = g->normal,
	                        .where = "/sysroot",
	                        .type = c->root_type,
	                        .target = "initrd-root-fs.target"};
	int r;

	if (str_is_empty(c->root) || root_is_not_ours(c->root))
		return 0;
	r = tmpfs ? str_set(&what, "rootfs") : fstab_device(c->root, &what);
	if (r >= 0)
		r = with_access(c->root_options, c->rw > 0 || (tmpfs && c->rw < 0) ? "rw" : "ro",
		                c->rw >= 0, &options);
	if (tmpfs && !m.type)
		m.type = "tmpfs";
	/* The kernel's default would let everybody write to the root. */
	if (r >= 0 && tmpfs && streq(m.type, "tmpfs") && !option_is_set(options, mode))
		r = add_options(&options, "mode=0755");
	if (r < 0)
		return r;
	if (path_is_device(what)) {
		r = unit_name_from_path(what, ".device", &unit);
		if (r < 0)
			return log_error_errno(r, "Failed to make a unit's name of '%s': %m", what);
		body = str_printf("[Unit]\nRequires=%s\nAfter=%s\n", unit, unit);
		r = body ? generator_drop_in(g->normal, "initrd-root-device.target", "root-device",
		                             NULL, body)
		         : -ENOMEM;
		if (r < 0)
			return r;
	}
	m.what = what;
	m.options = options;
	m.passno = path_is_device(what);
	return fstab_add_mount(g, &m);
}

/*
 * /usr is mounted apart from the root, and then bound into it: so whatever makes the root by a recipe in /usr can run in between.
 * 1: there are units, or somebody else makes them.
 */
static int add_usr(struct generator *g, const struct fstab_cmdline *c)
{
	const char *usr = c->usr ? c->usr : c->root,
		   *given = c->usr_options ? c->usr_options : c->root_options;
	struct fstab_mount m = {.source = "/proc/cmdline",
	                        .dir = g->normal,
	                        .where = "/sysusr/usr",
	                        .type = c->usr_type ? c->usr_type : c->root_type,
	                        .target = "initrd-usr-fs.target"},
			   bind = {.source = m.source,
	                           .dir = m.dir,
	                           .what = "/sysusr/usr",
	                           .where = "/sysroot/usr",
	                           .options = "bind",
	                           .target = "initrd-fs.target"};
	auto_free char *what = NULL, *options = NULL;
	int r;

	if ((!c->usr && !c->usr_type && !c->usr_options) || str_is_empty(usr))
		return 0;
	if (streq(usr, "gpt-auto") || path_is(usr, "/dev/nfs"))
		return 1;
	r = fstab_device(usr, &what);
	if (r >= 0)
		r = with_access(given, c->rw > 0 ? "rw" : "ro", false, &options);
	if (r < 0)
		return r;
	m.what = what;
	m.options = options;
	m.passno = path_is_device(what);
	r = fstab_add_mount(g, &m);
	if (r >= 0)
		r = fstab_add_mount(g, &bind);
	return r < 0 ? r : 1;
}

static int add_usr_or_order(struct generator *g, const struct fstab_cmdline *c)
{
	int r = add_usr(g, c);

	/* With no /usr of its own the root is what those wait for who look for one. */
	return r != 0 ? r
	              : generator_link(g->normal, "initrd-usr-fs.target", "requires",
	                               "sysroot.mount");
}

static int add_volatile_root(struct generator *g, enum fstab_volatile mode)
{
	return mode != VOLATILE_YES && mode != VOLATILE_OVERLAY
	               ? 0
	               : generator_link(g->normal, "initrd-root-fs.target", "requires",
	                                UNIT_FOLDER "/systemd-volatile-root.service");
}

/* Behind all others, so that a /var of fstab or of a unit file counts. */
static int add_volatile_var(struct generator *g, enum fstab_volatile mode)
{
	const struct fstab_mount m = {.source = "/proc/cmdline",
	                              .dir = g->late,
	                              .what = "tmpfs",
	                              .where = "/var",
	                              .type = "tmpfs",
	                              .options = "mode=0755,size=25%,nr_inodes=1m",
	                              .target = "local-fs.target"};

	return mode == VOLATILE_STATE ? fstab_add_mount(g, &m) : 0;
}

int fstab_root_generate(struct generator *g, const struct fstab_cmdline *c)
{
	int worst = 0, r;

	if (!g->initrd)
		return add_volatile_var(g, c->volatile_mode);
	worst = add_root(g, c);
	r = add_usr_or_order(g, c);
	if (worst >= 0)
		worst = r;
	r = add_volatile_root(g, c->volatile_mode);
	return worst < 0 ? worst : r;
}
