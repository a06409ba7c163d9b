// SPDX-License-Identifier: Apache-2.0
/*
 * condition.c - Condition*= and Assert*=: the list logic, and helpers for comparisons. One function
 * a kind, in condition-*.c; all of them only look at the system.
 */
#include "engine/private.h"

#include <ctype.h>

/* clang-format off */
const struct condition_type_info condition_types[CONDITION_TYPE_MAX] = {
	[CONDITION_ARCHITECTURE]             = { "Architecture", condition_architecture },
	[CONDITION_FIRMWARE]                 = { "Firmware", condition_firmware },
	[CONDITION_VIRTUALIZATION]           = { "Virtualization", condition_virtualization },
	[CONDITION_HOST]                     = { "Host", condition_host },
	[CONDITION_KERNEL_COMMAND_LINE]      = { "KernelCommandLine", condition_kernel_command_line },
	[CONDITION_KERNEL_VERSION]           = { "KernelVersion", condition_kernel_version },
	[CONDITION_CREDENTIAL]               = { "Credential", condition_credential },
	[CONDITION_ENVIRONMENT]              = { "Environment", condition_environment },
	[CONDITION_SECURITY]                 = { "Security", condition_security },
	[CONDITION_CAPABILITY]               = { "Capability", condition_capability },
	[CONDITION_AC_POWER]                 = { "ACPower", condition_ac_power },
	[CONDITION_NEEDS_UPDATE]             = { "NeedsUpdate", condition_needs_update },
	[CONDITION_FIRST_BOOT]               = { "FirstBoot", condition_first_boot },
	[CONDITION_PATH_EXISTS]              = { "PathExists", condition_path_exists },
	[CONDITION_PATH_EXISTS_GLOB]         = { "PathExistsGlob", condition_path_exists_glob },
	[CONDITION_PATH_IS_DIRECTORY]        = { "PathIsDirectory", condition_path_is_directory },
	[CONDITION_PATH_IS_SYMBOLIC_LINK]    = { "PathIsSymbolicLink", condition_path_is_symbolic_link },
	[CONDITION_PATH_IS_MOUNT_POINT]      = { "PathIsMountPoint", condition_path_is_mount_point },
	[CONDITION_PATH_IS_READ_WRITE]       = { "PathIsReadWrite", condition_path_is_read_write },
	[CONDITION_PATH_IS_ENCRYPTED]        = { "PathIsEncrypted", condition_path_is_encrypted },
	[CONDITION_DIRECTORY_NOT_EMPTY]      = { "DirectoryNotEmpty", condition_directory_not_empty },
	[CONDITION_FILE_NOT_EMPTY]           = { "FileNotEmpty", condition_file_not_empty },
	[CONDITION_FILE_IS_EXECUTABLE]       = { "FileIsExecutable", condition_file_is_executable },
	[CONDITION_USER]                     = { "User", condition_user },
	[CONDITION_GROUP]                    = { "Group", condition_group },
	[CONDITION_CONTROL_GROUP_CONTROLLER] = { "ControlGroupController", condition_control_group_controller },
	[CONDITION_MEMORY]                   = { "Memory", condition_memory },
	[CONDITION_CPUS]                     = { "CPUs", condition_cpus },
	[CONDITION_CPU_FEATURE]              = { "CPUFeature", condition_cpu_feature },
	[CONDITION_OS_RELEASE]               = { "OSRelease", condition_os_release },
	[CONDITION_MEMORY_PRESSURE]          = { "MemoryPressure", condition_memory_pressure },
	[CONDITION_CPU_PRESSURE]             = { "CPUPressure", condition_cpu_pressure },
	[CONDITION_IO_PRESSURE]              = { "IOPressure", condition_io_pressure },
};
/* clang-format on */

int condition_test(const struct manager *m, const struct condition *c)
{
	int r;

	if ((unsigned) c->type >= CONDITION_TYPE_MAX)
		return -EINVAL;
	r = condition_types[c->type].fn(m, c->parameter ? c->parameter : "");
	if (r < 0)
		return r;
	return (r > 0) != c->negate;
}

/* All that are not "|" must hold, and of those that are at least one, if there are any. What cannot
 * be told does not hold. */
static bool list_holds(const struct unit *u, bool asserts)
{
	bool any = false, have_any = false;

	for (const struct condition *c = u->file->unit.conditions; c; c = c->next) {
		int r;

		if (c->is_assert != asserts || (c->trigger && any))
			continue;
		r = condition_test(u->manager, c);
		if (r < 0)
			log_debug_errno(r, "Cannot tell %s=%s of %s, taken as not met: %m",
			                condition_types[c->type].name,
			                c->parameter ? c->parameter : "", u->id);
		if (c->trigger) {
			have_any = true;
			any = r > 0;
		} else if (r <= 0) {
			return false;
		}
	}
	return any || !have_any;
}

int unit_test_conditions(struct unit *u)
{
	u->condition_stamp = stamp_now();
	u->condition_result = list_holds(u, false);
	unit_save_soon(u);
	return u->condition_result;
}

int unit_test_asserts(struct unit *u)
{
	u->assert_stamp = stamp_now();
	u->assert_result = list_holds(u, true);
	unit_save_soon(u);
	return u->assert_result;
}

/* ---- comparisons ---- */

/* The longer one first. "$=" and "!$=" compare as patterns. */
static const char *const operators[] = {"!$=", "$=", "<>", "<=", ">=", "==", "!=", "<", ">", "="};

const char *compare_operator(const char **s)
{
	for (size_t i = 0; i < ELEMENTSOF(operators); i++) {
		const char *rest = str_after(*s, operators[i]);

		if (rest) {
			*s = rest;
			return operators[i];
		}
	}
	return "";
}

bool compare_apply(int order, const char *op)
{
	if (streq(op, "=") || streq(op, "=="))
		return order == 0;
	if (streq(op, "!=") || streq(op, "<>"))
		return order != 0;
	if (streq(op, "<"))
		return order < 0;
	if (streq(op, "<="))
		return order <= 0;
	if (streq(op, ">"))
		return order > 0;
	return order >= 0;
}

/* Marks that sort before the end of the text, before everything else, or after it, as the version
 * format specification ranks them. */
static int rank_of(char c)
{
	return c == '~' ? 0 : c == 0 ? 1 : c == '-' ? 2 : c == '^' ? 3 : c == '.' ? 4 : 5;
}

static const char *skip_noise(const char *s)
{
	while (*s && !isalnum((unsigned char) *s) && !strchr("~-^.", *s))
		s++;
	return s;
}

/* Digits by value, letters by their order, capitals first; advances both. */
static int compare_run(const char **a, const char **b)
{
	const char *p = *a, *q = *b;
	bool digits = isdigit((unsigned char) *p) || isdigit((unsigned char) *q);
	size_t n, k;
	int c;

	if (digits) {
		p += strspn(p, "0");
		q += strspn(q, "0");
		n = strspn(p, "0123456789");
		k = strspn(q, "0123456789");
	} else {
		for (n = 0; isalpha((unsigned char) p[n]);)
			n++;
		for (k = 0; isalpha((unsigned char) q[k]);)
			k++;
	}
	*a = p + n;
	*b = q + k;
	if (digits && n != k)
		return n < k ? -1 : 1;
	c = memcmp(p, q, MIN(n, k));
	return c ? c : n < k ? -1 : n > k;
}

/* https://uapi-group.org/specifications/specs/version_format_specification/ */
int version_compare(const char *a, const char *b)
{
	for (;;) {
		int ra, rb, c;

		a = skip_noise(a);
		b = skip_noise(b);
		ra = rank_of(*a);
		rb = rank_of(*b);
		if (ra != rb)
			return ra < rb ? -1 : 1;
		if (*a == 0)
			return 0;
		if (ra < 5) {
			a++;
			b++;
			continue;
		}
		/* A number is newer than letters. */
		if (!isdigit((unsigned char) *a) != !isdigit((unsigned char) *b))
			return isdigit((unsigned char) *a) ? 1 : -1;
		c = compare_run(&a, &b);
		if (c)
			return c < 0 ? -1 : 1;
	}
}
