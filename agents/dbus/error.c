// SPDX-License-Identifier: Apache-2.0
/* Core's error names as those that clients of systemd know. */
#include "dbus/dbus.h"

/* clang-format off */
static const struct { const char *core, *dbus; } names[] = {
	{ "org.sysmaster.Unit.NoSuchUnit",		    BUS_NAME ".NoSuchUnit" },
	{ "org.sysmaster.Unit.UnitMasked",		    BUS_NAME ".UnitMasked" },
	{ "org.sysmaster.Unit.LoadFailed",		    BUS_NAME ".LoadFailed" },
	{ "org.sysmaster.Unit.JobTypeNotApplicable",	    BUS_NAME ".JobTypeNotApplicable" },
	{ "org.sysmaster.Unit.OnlyByDependency",	    BUS_NAME ".OnlyByDependency" },
	{ "org.sysmaster.Unit.NoIsolation",		    BUS_NAME ".NoIsolation" },
	{ "org.sysmaster.Unit.TransactionIsDestructive",    BUS_NAME ".TransactionIsDestructive" },
	{ "org.sysmaster.Unit.TransactionOrderIsCyclic",    BUS_NAME ".TransactionOrderIsCyclic" },
	{ "org.sysmaster.Unit.TransactionJobsConflicting",  BUS_NAME ".TransactionJobsConflicting" },
	{ "org.sysmaster.Unit.NoSuchProcess",		    BUS_NAME ".NoSuchProcess" },
	{ "org.sysmaster.Unit.UnitExists",		    BUS_NAME ".UnitExists" },
	{ "org.sysmaster.Unit.UnitBusy",		    BUS_NAME ".UnitBusy" },
	{ "org.sysmaster.Unit.NothingToClean",		    BUS_NAME ".NothingToClean" },
	{ "org.sysmaster.Unit.PropertyReadOnly",	    SD_BUS_ERROR_PROPERTY_READ_ONLY },
	{ "org.sysmaster.Manager.NoSuchJob",		    BUS_NAME ".NoSuchJob" },
	{ "org.sysmaster.Manager.ShuttingDown",		    BUS_NAME ".ShuttingDown" },
	{ "org.sysmaster.UnitFile.NotFound",		    SD_BUS_ERROR_FILE_NOT_FOUND },
	{ "org.sysmaster.Error.PermissionDenied",	    SD_BUS_ERROR_ACCESS_DENIED },
	{ "org.sysmaster.Error.LimitExceeded",		    SD_BUS_ERROR_LIMITS_EXCEEDED },
	{ "org.sysmaster.Error.Disconnected",		    SD_BUS_ERROR_DISCONNECTED },
	{ "org.varlink.service.InvalidParameter",	    SD_BUS_ERROR_INVALID_ARGS },
};
/* clang-format on */

const char *error_to_dbus(const char *core_error)
{
	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(names[i].core, core_error))
			return names[i].dbus;
	return SD_BUS_ERROR_FAILED;
}

int error_reply(sd_bus_message *m, const char *core_error, const cJSON *parameters)
{
	const char *text = json_string_or(parameters, "message", NULL),
		   *unit = json_string_or(parameters, "name", NULL),
		   *argument = json_string_or(parameters, "parameter", NULL);

	if (streq(core_error, "org.sysmaster.Unit.NoSuchUnit") && unit)
		return sd_bus_reply_method_errorf(m, error_to_dbus(core_error),
		                                  "Unit %s not found.", unit);
	if (streq(core_error, "org.sysmaster.Unit.UnitMasked") && unit)
		return sd_bus_reply_method_errorf(m, error_to_dbus(core_error),
		                                  "Unit %s is masked.", unit);
	if (streq(core_error, "org.sysmaster.Manager.NoSuchJob"))
		return sd_bus_reply_method_errorf(
			m, error_to_dbus(core_error), "Job %llu does not exist.",
			(unsigned long long) json_u64_or(parameters, "id", 0));
	if (streq(core_error, "org.sysmaster.UnitFile.NotFound") && unit)
		return sd_bus_reply_method_errorf(m, error_to_dbus(core_error),
		                                  "Unit file %s does not exist.", unit);
	if (argument)
		return sd_bus_reply_method_errorf(m, error_to_dbus(core_error),
		                                  "Invalid argument: %s", argument);
	return sd_bus_reply_method_errorf(m, error_to_dbus(core_error), "%s",
	                                  text ? text : core_error);
}
