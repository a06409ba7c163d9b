// SPDX-License-Identifier: Apache-2.0
/* scale.h - see scale.c */
#pragma once

#include "world.h"

/** bench_scale - prints "METRIC VALUE" lines; 0 or -EIO, when something did not do what it was asked for */
int bench_scale(unsigned units);
