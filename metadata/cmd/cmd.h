// SPDX-License-Identifier: Apache-2.0
/* cmd - the verbs that need no boot: each takes its arguments (argv[0] is the verb) and returns the exit
 * status. They read below a root and print; nothing is changed. */
#pragma once

#include "metadata/metadata.h"

/* identify [--root DIR]: what detection says, as JSON. Status as ds-identify: 0, 1 not found, 2 disabled. */
int cmd_identify(int argc, char **argv);
/* validate FILE...: each mistake as "FILE:LINE: PATH: what"; never a value. 0, 1 wrong, 2 deprecated forms
 * alone. */
int cmd_validate(int argc, char **argv);
/* render --format netplan|networkd [--root DIR] FILE: the network configuration in FILE ("-": standard
 * input) as another manager's files. */
int cmd_render(int argc, char **argv);
