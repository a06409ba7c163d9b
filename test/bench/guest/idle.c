// SPDX-License-Identifier: Apache-2.0
/* idle - the most trivial of services: it is there and does nothing. */
#include <unistd.h>

int main(void)
{
	for (;;)
		(void) pause();
}
