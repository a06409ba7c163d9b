// SPDX-License-Identifier: Apache-2.0
/* bus-owner NAME DELAY-MS: owns a name on the bus at $BUS after a while; gives it up at SIGUSR1 and lives on. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

static volatile sig_atomic_t let_go;

static void on_signal(int signo)
{
	(void) signo;
	let_go = 1;
}

int main(int argc, char **argv)
{
	sd_bus *bus = NULL;

	if (argc != 3)
		return 2;
	signal(SIGUSR1, on_signal);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, getenv("BUS")) < 0 ||
	    sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0)
		return 3;
	(void) poll(NULL, 0, atoi(argv[2]));
	if (sd_bus_request_name(bus, argv[1], 0) < 0)
		return 4;
	while (!let_go) {
		while (sd_bus_process(bus, NULL) > 0)
			;
		(void) sd_bus_wait(bus, 100000);
	}
	if (sd_bus_release_name(bus, argv[1]) < 0)
		return 5;
	for (;;)
		pause();
}
