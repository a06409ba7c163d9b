// SPDX-License-Identifier: Apache-2.0
#include "exec/child/child.h"

#include <sys/prctl.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
static const struct {
	const char *name;
	enum exec_status status;
	int (*run)(struct child *c);
	bool sandbox; /* not for commands that run with full privileges */
} steps[] = {
	{ "SIGNAL_MASK",	     EXIT_SIGNAL_MASK,		   child_signals,		    false },
	{ "CGROUP",		     EXIT_CGROUP,		   child_cgroup,		    false },
	{ "USER",		     EXIT_USER,			   child_find_user,		    false },
	{ "GROUP",		     EXIT_GROUP,		   child_find_groups,		    false },
	{ "CGROUP",		     EXIT_CGROUP,		   child_delegate,		    false },
	{ "STDIN",		     EXIT_STDIN,		   child_stdin,			    false },
	{ "STDOUT",		     EXIT_STDOUT,		   child_stdout,		    false },
	{ "STDERR",		     EXIT_STDERR,		   child_stderr,		    false },
	{ "OOM_ADJUST",		     EXIT_OOM_ADJUST,		   child_oom,			    false },
	{ "NICE",		     EXIT_NICE,			   child_nice,			    false },
	{ "SETSCHEDULER",	     EXIT_SETSCHEDULER,		   child_scheduler,		    false },
	{ "CPUAFFINITY",	     EXIT_CPUAFFINITY,		   child_affinity,		    false },
	{ "IOPRIO",		     EXIT_IOPRIO,		   child_ioprio,		    false },
	{ "TIMERSLACK",		     EXIT_TIMERSLACK,		   child_timer_slack,		    false },
	{ "PERSONALITY",	     EXIT_PERSONALITY,		   child_personality,		    false },
	{ "RUNTIME_DIRECTORY",	     EXIT_RUNTIME_DIRECTORY,	   child_directories_runtime,	    false },
	{ "STATE_DIRECTORY",	     EXIT_STATE_DIRECTORY,	   child_directories_state,	    false },
	{ "CACHE_DIRECTORY",	     EXIT_CACHE_DIRECTORY,	   child_directories_cache,	    false },
	{ "LOGS_DIRECTORY",	     EXIT_LOGS_DIRECTORY,	   child_directories_logs,	    false },
	{ "CONFIGURATION_DIRECTORY", EXIT_CONFIGURATION_DIRECTORY, child_directories_configuration, false },
	{ "CREDENTIALS",	     EXIT_CREDENTIALS,		   child_credentials,		    false },
	{ "STDIN",		     EXIT_STDIN,		   child_utmp,			    false },
	{ "MEMORY",		     EXIT_MEMORY,		   child_environment,		    false },
	{ "KEYRING",		     EXIT_KEYRING,		   child_keyring,		    true  },
	{ "PAM",		     EXIT_PAM,			   child_pam,			    false },
	{ "NETWORK",		     EXIT_NETWORK,		   child_network,		    true  },
	{ "NAMESPACE",		     EXIT_NAMESPACE,		   child_namespaces,		    true  },
	{ "NAMESPACE",		     EXIT_NAMESPACE,		   child_mounts,		    true  },
	{ "LIMITS",		     EXIT_LIMITS,		   child_limits,		    true  },
	{ "GROUP",		     EXIT_GROUP,		   child_groups,		    false },
	{ "CHROOT",		     EXIT_CHROOT,		   child_root,			    false },
	{ "USER",		     EXIT_USER,			   child_user_namespace,	    true  },
	{ "SELINUX_CONTEXT",	     EXIT_SELINUX_CONTEXT,	   child_label_selinux,		    true  },
	{ "SMACK_PROCESS_LABEL",     EXIT_SMACK_PROCESS_LABEL,	   child_label_smack,		    true  },
	{ "APPARMOR",		     EXIT_APPARMOR,		   child_label_apparmor,	    true  },
	{ "CAPABILITIES",	     EXIT_CAPABILITIES,		   child_bounding_set,		    true  },
	{ "USER",		     EXIT_USER,			   child_user,			    false },
	{ "SECUREBITS",		     EXIT_SECUREBITS,		   child_secure_bits,		    true  },
	{ "CHDIR",		     EXIT_CHDIR,		   child_working_directory,	    false },
	{ "MEMORY",		     EXIT_MEMORY,		   child_expand,		    false },
	{ "FDS",		     EXIT_FDS,			   child_pass_fds,		    false },
	{ "EXEC",		     EXIT_EXEC,			   child_tell,			    false },
	{ "NO_NEW_PRIVILEGES",	     EXIT_NO_NEW_PRIVILEGES,	   child_no_new_privileges,	    true  },
	{ "ADDRESS_FAMILIES",	     EXIT_ADDRESS_FAMILIES,	   child_seccomp_families,	    true  },
	{ "SECCOMP",		     EXIT_SECCOMP,		   child_seccomp,		    true  },
};
/* clang-format on */

int child_fail(struct child *c, int error, const char *fmt, ...)
{
	va_list ap;

	errno = -error;
	va_start(ap, fmt);
	(void) vsnprintf(c->detail, sizeof(c->detail), fmt, ap);
	va_end(ap);
	return error;
}

/*
 * Type=exec: core reads one byte, 1, and then the end of the file when execve worked; without the
 * byte, or with a 0, it did not work. It is sent before the filters, which may not allow
 * write().
 */
static void tell_exec(const struct child *c, char byte)
{
	if (c->spec.exec_fd >= 0 && write(c->spec.exec_fd, &byte, 1) < 0)
		errno = 0; /* nobody listens any more */
}

int child_tell(struct child *c)
{
	tell_exec(c, 1);
	return 0;
}

static _Noreturn void give_up(struct child *c, int error, int status)
{
	if (c->detail[0])
		child_log(c, LOG_ERR, "%s: Failed at step %s spawning %s: %s: %s",
		          c->spec.unit ?: "?", c->step ?: "?", c->spec.path ?: "?", c->detail,
		          strerror(-error));
	else
		child_log(c, LOG_ERR, "%s: Failed at step %s spawning %s: %s", c->spec.unit ?: "?",
		          c->step ?: "?", c->spec.path ?: "?", strerror(-error));
	tell_exec(c, 0);
	_exit(status);
}

/* The settings: small ones go into a static buffer, which a static program has without a page fault
 * more than it needs. */
static int read_spec(struct child *c, const char *number)
{
	static char small[16 * 1024];
	char *data = small;
	struct stat st;
	ssize_t n;
	int r;

	r = str_to_i32(number, &c->spec_fd);
	if (r < 0 || c->spec_fd < 0)
		return -EINVAL;
	n = pread(c->spec_fd, small, sizeof(small), 0);
	if (n < 0)
		return -errno;
	if (n == sizeof(small)) {
		if (fstat(c->spec_fd, &st) < 0)
			return -errno;
		if (st.st_size > (off_t) EXEC_SPEC_SIZE_MAX)
			return -E2BIG;
		data = malloc((size_t) st.st_size + 1);
		if (!data)
			return -ENOMEM;
		n = pread(c->spec_fd, data, (size_t) st.st_size, 0);
		if (n != st.st_size)
			return -EIO;
	}
	return exec_spec_read(data, (size_t) n, &c->spec);
}

/* A name without a slash is looked for in ExecSearchPath=, else in the default path, not in the
 * unit's $PATH. */
static int execute(struct child *c)
{
	static const char *const standard[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin",
		"/sbin",           "/bin",           NULL};
	char *const *search = strv_length(c->s->exec_search_path) > 0 ? c->s->exec_search_path
	                                                              : (char *const *) standard;
	int error = -ENOENT;

	if (strchr(c->spec.path, '/')) {
		(void) execve(c->spec.path, c->argv, c->env);
		return -errno;
	}
	STRV_FOREACH (directory, search) {
		auto_free char *path = path_join(*directory, c->spec.path);

		if (!path)
			return -ENOMEM;
		(void) execve(path, c->argv, c->env);
		if (errno != ENOENT && errno != ENOTDIR)
			error = -errno;
	}
	return error;
}

int main(int argc, char **argv)
{
	static struct child c;
	int r;

	c.s = &c.spec.s;
	/* Core does without huge pages for itself, and that would be inherited over execve. */
	(void) prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	if (argc == 3 && streq(argv[1], "--remove"))
		return rm_rf(argv[2]) < 0 ? 1 : 0;
	if (argc == 3 && streq(argv[1], "--remove-ipc"))
		return child_remove_ipc(argv[2]) < 0 ? 1 : 0;
	if (argc == 4 && streq(argv[1], "--utmp-dead"))
		return child_utmp_dead(argv[2], argv[3]) < 0 ? 1 : 0;
	if (argc != 2 || read_spec(&c, argv[1]) < 0 || !c.spec.unit || !c.spec.path ||
	    !c.spec.argv) {
		c.step = "MEMORY";
		child_log(&c, LOG_ERR, "core-exec is started by core, with a memfd");
		return EXIT_MEMORY;
	}
	c.sandbox = c.spec.flags & EXEC_APPLY_SANDBOX &&
	            !(c.spec.command_flags & EXEC_FULLY_PRIVILEGED);
	c.seccomp_wanted = c.sandbox && child_wants_seccomp(&c);
	for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
		if (steps[i].sandbox && !c.sandbox)
			continue;
		c.step = steps[i].name;
		r = steps[i].run(&c);
		if (r < 0)
			give_up(&c, r, steps[i].status);
	}
	c.step = "EXEC";
	r = execute(&c);
	give_up(&c, r, EXIT_EXEC);
}
