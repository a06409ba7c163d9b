// SPDX-License-Identifier: Apache-2.0
/* cmdline.c - what the generators are told about the machine: kernel command line, container, PID 1's environment. */
#include "boot/generator.h"

#include "unitfile/word.h"

int boot_init_getenv(const char *name, char **ret)
{
	auto_free char *text = NULL;
	size_t size;
	int r = file_read("/proc/1/environ", &text, &size);

	if (r < 0)
		return r;
	for (const char *p = text; p < text + size; p += strlen(p) + 1) {
		const char *value = str_after(p, name);

		if (!value || *value != '=')
			continue;
		*ret = strdup(value + 1);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENXIO;
}

bool boot_in_container(void)
{
	static const char *const traces[] = {"/run/systemd/container",
	                                     "/run/host/container-manager", "/run/.containerenv",
	                                     "/.dockerenv"};
	const char *told = secure_getenv("SYSTEMD_VIRTUALIZATION");
	auto_free char *variable = NULL;

	if (told)
		return str_after(told, "container:") != NULL;
	for (size_t i = 0; i < ELEMENTSOF(traces); i++)
		if (access(traces[i], F_OK) >= 0)
			return true;
	return boot_init_getenv("container", &variable) >= 0 && !str_is_empty(variable);
}

int boot_cmdline_words(bool container, char ***ret)
{
	const char *override = secure_getenv("SYSTEMD_PROC_CMDLINE");
	auto_free char *text = NULL;
	size_t size;
	int r;

	if (override)
		return word_split(override, NULL, WORD_UNQUOTE | WORD_RELAX | WORD_RETAIN_ESCAPE,
		                  ret);
	r = file_read(container ? "/proc/1/cmdline" : "/proc/cmdline", &text, &size);
	if (r < 0)
		return r;
	for (size_t i = 0; i < size; i++)
		if (!text[i])
			text[i] = ' ';
	return word_split(text, NULL, WORD_UNQUOTE | WORD_RELAX | WORD_RETAIN_ESCAPE, ret);
}

bool cmdline_word_is(const char *word, const char *key, const char **ret_value)
{
	for (; *key; word++, key++)
		if (*word != *key &&
		    !((*word == '-' || *word == '_') && (*key == '-' || *key == '_')))
			return false;
	if (*word && *word != '=')
		return false;
	*ret_value = *word ? word + 1 : NULL;
	return true;
}
