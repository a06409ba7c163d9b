// SPDX-License-Identifier: Apache-2.0
/* What people type: unit names without a suffix, signals by name. */
#include "sctl/sctl.h"

#include <signal.h>

static const char *const suffixes[] = {".service", ".socket",    ".target", ".device",
                                       ".mount",   ".automount", ".swap",   ".timer",
                                       ".path",    ".slice",     ".scope"};

static bool has_suffix(const char *s)
{
	for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
		if (str_ends_with(s, suffixes[i]))
			return true;
	return false;
}

int mangle_names(char **args, bool allow_glob, char ***ret)
{
	auto_strv char **names = NULL;

	STRV_FOREACH (a, args) {
		bool glob = strpbrk(*a, "*?[") != NULL;
		char *name;

		if (!**a || strlen(*a) > 255 || strchr(*a, '/') || (glob && !allow_glob))
			return error_exit(-EINVAL, "\"%s\" is not the name of a unit", *a);
		name = glob || has_suffix(*a) ? strdup(*a) : str_printf("%s.service", *a);
		if (strv_append_consume(&names, name) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(names);
	return 0;
}

int signal_number(const char *s)
{
	const char *rest = str_after(s, "SIG");
	uint32_t n;

	if (str_to_u32(s, &n) >= 0)
		return n >= 1 && n < _NSIG ? (int) n : -EINVAL;
	for (int i = 1; i < 32; i++) {
		const char *abbreviation = sigabbrev_np(i);

		if (abbreviation && streq(abbreviation, rest ? rest : s))
			return i;
	}
	rest = str_after(rest ? rest : s, "RTMIN+");
	if (rest && str_to_u32(rest, &n) >= 0 && SIGRTMIN + (int) n <= SIGRTMAX)
		return SIGRTMIN + (int) n;
	return -EINVAL;
}
