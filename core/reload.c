// SPDX-License-Identifier: Apache-2.0
/* reload.c - generators again, then all unit files. One at a time; a dry run leaves the generators'
 * output alone. */
#include "core.h"

#include "base/fault.h"

#include "api/api.h"
#include "cgroup/cgroup.h"

struct reload_request {
	void (*done)(int r, const struct reload_plan *plan, const struct diag *d, void *userdata);
	void *userdata;
};

static void answer(struct reload_request *q, int r, const struct reload_plan *plan,
                   const struct diag *d)
{
	if (q->done)
		q->done(r, plan, d, q->userdata);
	free(q);
}

/* Limits and filters are the part of new settings that a running unit gets at once. */
static void apply_changed(struct manager *m, const struct reload_plan *plan)
{
	STRV_FOREACH (name, plan->changed) {
		struct unit *u = manager_get_unit(m, *name);
		int r = u ? cgroup_apply(u) : 0;

		if (r < 0)
			log_unit_errno(LOG_WARNING, u->id, r,
			               "Failed to apply changed resource settings: %m");
	}
}

static void on_generated(struct core *c)
{
	struct reload_request *q = c->reload;
	struct diag *d = calloc(1, sizeof(*d));
	struct reload_plan plan = {0};
	int r = d ? 0 : -ENOMEM;

	c->reload = NULL;
	FAULT_POINT("reload.generated");
	options_write_units(c);
	options_write_startup();
	if (r >= 0)
		r = manager_reload(c->manager, &plan, d);
	if (r >= 0)
		apply_changed(c->manager, &plan);
	FAULT_POINT("reload.done");
	if (r < 0)
		log_error_errno(r, "Failed to reload: %m");
	else
		log_info("Reloaded: %zu unit files added, %zu changed, %zu removed",
		         strv_length(plan.added), strv_length(plan.changed),
		         strv_length(plan.removed));
	if (d && !q->done)
		diag_log(d, "reload");
	if (r >= 0)
		api_manager_event(c->manager, "reloaded");
	answer(q, r, &plan, d);
	reload_plan_done(&plan);
	free(d);
	trim_soon(c);
}

static int reload_start(struct core *c,
                        void (*done)(int r, const struct reload_plan *plan, const struct diag *d,
                                     void *userdata),
                        void *userdata)
{
	struct reload_request *q;
	int r;

	/* While the boot's own generators run there is nothing to reload yet. */
	if (c->reload || c->generators || c->boot_agent || c->needs_boot)
		return -EBUSY;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct reload_request){done, userdata};
	c->reload = q;
	r = generators_run(c, on_generated);
	if (r < 0) {
		c->reload = NULL;
		free(q);
	}
	return r;
}

int core_reload(struct core *c)
{
	int r = reload_start(c, NULL, NULL);

	return r < 0 ? log_warning_errno(r, "Cannot reload now: %m") : 0;
}

int core_reload_api(struct manager *m, bool dry_run,
                    void (*done)(int r, const struct reload_plan *plan, const struct diag *d,
                                 void *userdata),
                    void *userdata)
{
	struct core *c = m->main_data;
	struct reload_plan plan = {0};
	struct diag *d;
	int r;

	if (!dry_run)
		return reload_start(c, done, userdata);
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	r = manager_reload_plan(m, &plan, d);
	done(r, &plan, d, userdata);
	reload_plan_done(&plan);
	free(d);
	return 0;
}
