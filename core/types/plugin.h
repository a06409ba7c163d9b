// SPDX-License-Identifier: Apache-2.0
/*
 * plugin.h - a unit type from a shared object.
 *
 * A plug-in is a file NAME.so in /usr/lib/sysmaster/plugins ($SYSMASTER_PLUGIN_PATH of init, if that is set) that defines "sysmaster_plugin". It brings one type: the suffix of its units, the section of
 * its settings, and the same table of operations that the built-in types have (struct unit_ops, engine.h), whose promises it has to
 * keep: it never blocks, it saves before and after what cannot be repeated, and it goes on from its record after core was killed.
 * It is compiled against these headers and calls core's functions by name: those in core/types/plugin.symbols.
 *
 * Core reads plug-ins at its start, before any unit. One that cannot be used is named in the log and left out, and units of its type
 * are unknown. In safe mode there are none, so a plug-in that kills core costs its own units, not the machine. A new version of core
 * that the plug-ins of this machine were not made for does not pass its self-check: such an upgrade is refused.
 */
#pragma once

#include "engine/engine.h"

/* Changes with engine.h, record.h and whatever else a plug-in sees. */
#ifndef PLUGIN_ABI
#define PLUGIN_ABI 1
#endif

struct plugin {
	uint32_t abi; /* PLUGIN_ABI */
	uint32_t unit_size,
		ops_size; /* sizeof(struct unit), sizeof(struct unit_ops): a forgotten PLUGIN_ABI shows */
	const char *type;    /* "counter": units are NAME.counter */
	const char *section; /* "Counter" */
	const char *const *
		keys; /* its own, NULL at the end: unit->file->plugin. Those of exec, kill and cgroup come with the section */
	struct unit_ops *ops; /* ->type is filled in by core */
};

#define PLUGIN_DEFINE(...)                                                                         \
	__attribute__((visibility("default"))) extern const struct plugin sysmaster_plugin;        \
	const struct plugin sysmaster_plugin = {.abi = PLUGIN_ABI,                                 \
	                                        .unit_size = sizeof(struct unit),                  \
	                                        .ops_size = sizeof(struct unit_ops),               \
	                                        __VA_ARGS__}

/**
 * plugins_load - the types of all plug-ins, in the order of their names, into unit_types[]
 *
 * A file has to be root's and nobody else's to write to. It stays loaded until core ends.
 *
 * Returns how many were refused, each with a line in the log; 0 if there is no such folder; or -errno of reading it.
 */
int plugins_load(void);
