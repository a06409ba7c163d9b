// SPDX-License-Identifier: Apache-2.0
/* cmd - the verbs: each takes its arguments (argv[0] is the verb) and returns the exit status. */
#pragma once

#include "metadata/metadata.h"

#define EXIT_RECOVERABLE 2 /* as cloud-init: it worked, but not all of it */

/* apply [--stage local|network] [--root DIR [--network]], final [--root DIR]: the stages of a boot; with a root they
 * prepare an image. 0, 1 it failed, 2 not all of it worked. */
int cmd_apply(int argc, char **argv);
int cmd_final(int argc, char **argv);
/* fetch [--root DIR] [--network] [--source NAME] [--output FILE | --secrets]: what the source says, as JSON; nothing is
 * applied. Secrets only into a file of its own or when asked for. */
int cmd_fetch(int argc, char **argv);
/* leases: renews what "apply" got by DHCP, until SIGTERM. */
int cmd_leases(int argc, char **argv);
/* identify [--root DIR]: what detection says, as JSON. Status as ds-identify: 0, 1 not found, 2 disabled. */
int cmd_identify(int argc, char **argv);
/* validate FILE...: each mistake as "FILE:LINE: PATH: what"; never a value. 0, 1 wrong, 2 deprecated forms
 * alone. */
int cmd_validate(int argc, char **argv);
/* render --format netplan|networkd [--root DIR] FILE: the network configuration in FILE ("-": standard
 * input) as another manager's files. */
int cmd_render(int argc, char **argv);
/* network [--root DIR] [--wait SECONDS] FILE: the network configuration in FILE into the kernel. 0, 1 nothing
 * could be done, 2 not all of it. */
int cmd_network(int argc, char **argv);

/* ---- what they share (cmd/util.c) ---- */

/* A YAML document; "-" is standard input. */
int cmd_read_document(const char *path, struct diag *d, cJSON **ret);
/* Prints the findings; the exit status for @r and them. */
int cmd_finish(const struct diag *d, int r);
