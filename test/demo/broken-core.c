// SPDX-License-Identifier: Apache-2.0
/*
 * A version of core that passes its own check and then does not work: it never says that it is ready. It stands for every build that
 * looks good until it runs; the demo and the upgrade tests roll it out and expect to see the machine back on the version before.
 */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--self-check"))
		return 0;
	for (;;)
		pause();
}
