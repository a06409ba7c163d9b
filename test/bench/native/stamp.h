// SPDX-License-Identifier: Apache-2.0
/* stamp.h - what a stamp service writes into its FIFO. */
#pragma once

struct stamp_line {
	long long nsec; /* CLOCK_MONOTONIC when it began */
	int pid;        /* in its PID name space */
};
