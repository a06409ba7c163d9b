// SPDX-License-Identifier: Apache-2.0
/* value-timer.c - what timers and path units wait for: systemd.timer(5), systemd.path(5). */
#include "unitfile/value.h"
#include "unitfile/name.h"

VALUE_PARSER(timer)
{
	enum timer_base base = (enum timer_base) arg;
	struct timer_value **list = field, *v;
	struct calendar_spec *calendar = NULL;
	auto_free char *s = NULL;
	usec_t span = 0;
	int r;

	if (!*value) {
		/* An empty value of any of the six drops all. */
		free_timer_values(*list);
		*list = NULL;
		return 0;
	}
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	r = base == TIMER_ON_CALENDAR ? calendar_parse(s, &calendar)
	                              : span_parse(s, USEC_PER_SEC, &span);
	if (r < 0)
		return r;
	v = calloc(1, sizeof(*v));
	if (!v) {
		calendar_free(calendar);
		return -ENOMEM;
	}
	*v = (struct timer_value){
		.base = base, .span_usec = span, .calendar = calendar, .text = TAKE_PTR(s)};
	chain_append(list, v);
	return 0;
}

VALUE_PARSER(trigger_unit)
{
	auto_free char *s = NULL;
	int r;

	(void) arg;
	/* There is no taking it back: the name of the unit itself counts where none is given. */
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	if (!unit_name_is_valid(s, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE))
		return parse_warn(p, "'%.100s' is no unit name, ignored", s);
	if (unit_name_type(s) == (int) p->f->type)
		return parse_warn(p, "'%.100s' is a unit of the same type, ignored", s);
	return str_set(field, s);
}

VALUE_PARSER(path_spec)
{
	struct path_spec **list = field, *spec;
	auto_free char *s = NULL;
	int r;

	if (!*value) {
		free_path_specs(*list);
		*list = NULL;
		return 0;
	}
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	path_simplify(s);
	if (!path_is_normalized(s))
		return parse_warn(p, "Path '%.100s' is not absolute and normalized, ignored", s);
	spec = calloc(1, sizeof(*spec));
	if (!spec)
		return -ENOMEM;
	*spec = (struct path_spec){.kind = (enum path_kind) arg, .path = TAKE_PTR(s)};
	chain_append(list, spec);
	return 0;
}
