// SPDX-License-Identifier: Apache-2.0
/* core: the manager of units, started and watched by init. See core.h for the order of things. */
#include "core.h"

#include "base/fault.h"

#include <sys/prctl.h>
#include <stdio.h>

#ifndef SYSMASTER_VERSION
#define SYSMASTER_VERSION "0"
#endif
const char core_version[] = SYSMASTER_VERSION;

static int usage(void)
{
	printf("core [--safe-mode]             started by init, never by hand\n"
	       "core --self-check [DIRECTORY]  reads the state of the running core; 0 if this one "
	       "could go on from it\n"
	       "core --test-root DIRECTORY [UNIT]\n"
	       "                               prints the jobs that a boot of that tree would "
	       "have\n"
	       "core --keep-crashes            moves crash reports to the disk\n"
	       "core --version\n");
	return 0;
}

int main(int argc, char **argv)
{
	bool safe_mode = false;

	/* A huge page for the first byte of a large, hardly used array would double what core takes. core-exec undoes it. */
	(void) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	for (int i = 1; i < argc; i++) {
#ifdef FAULTS
		if (streq(argv[i], "--fault-points")) {
			fault_list();
			return 0;
		}
#endif
		if (streq(argv[i], "--self-check"))
			return self_check(argv[i + 1] ? argv[i + 1] : CORE_STATE_DIR);
		if (streq(argv[i], "--test-root"))
			return argv[i + 1] ? test_root(argv[i + 1], argv[i + 2]) : 2;
		if (streq(argv[i], "--keep-crashes")) {
			/* Whoever looks for core by its name is to find one. */
			(void) prctl(PR_SET_NAME, "core-keeper", 0, 0, 0);
			return notes_keep_crashes();
		}
		if (streq(argv[i], "--version")) {
			printf("%s\n", core_version);
			return 0;
		}
		if (streq(argv[i], "--help"))
			return usage();
		if (!streq(argv[i], "--safe-mode")) {
			fprintf(stderr, "core: unknown option \"%s\"\n", argv[i]);
			return 2;
		}
		safe_mode = true;
	}
	return core_run(safe_mode);
}
