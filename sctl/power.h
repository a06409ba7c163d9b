// SPDX-License-Identifier: Apache-2.0
/*
 * power.h - the old names for going down: poweroff, reboot, halt (power.c), shutdown (shutdown.c), telinit and runlevel (runlevel.c),
 * with the options of their manual pages. What none of them knows is an error and never a machine that goes down.
 */
#pragma once

#include "sctl/sctl.h"

#include <time.h>

int power_main(int argc, char **argv);
int shutdown_main(int argc, char **argv);
int telinit_main(int argc, char **argv);
int runlevel_main(int argc, char **argv);

/** shutdown_when - shutdown(8)'s time: "now", "+MINUTES", "MINUTES", "HH:MM" (the next such moment of the local clock), NULL: "+1".
 * 0 with *@ret (equal to @now for "now"), or -EINVAL. */
int shutdown_when(const char *text, time_t now, time_t *ret);
/** wall - writes @text to the terminals of all who are logged in, without waiting for one of them */
void wall(const char *text);
