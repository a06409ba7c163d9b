// SPDX-License-Identifier: Apache-2.0
/* The DHCP client against a real server (dnsmasq) in network namespaces that the test makes: a lease with
 * routes, a dead interface beside a live one, a refusal, a server that goes away. */
#include "check.h"

#include "metadata/dhcp/dhcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE (60 * USEC_PER_SEC) /* a loaded machine; what it should take is told apart below */

static pid_t server = -1;
static char folder[] = "/tmp/dhcp-test.XXXXXX";

static int run(const char *command)
{
	return system(command);
}

static void stop_server(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = -1;
}

static void clean(void)
{
	auto_free char *command = str_printf("rm -rf %s", folder);

	stop_server();
	(void) !run(command);
}

/* In the child: a namespace of its own, the interface once it is there, and the server. */
static void serve(int told, int tell, char *const *argv)
{
	static const char *const commands[] = {"ip link set srv0 up",
	                                       "ip addr add 10.9.0.1/24 dev srv0"};
	char c = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0 || write(tell, &c, 1) != 1 || read(told, &c, 1) != 1)
		_exit(126);
	for (size_t i = 0; i < ELEMENTSOF(commands); i++)
		if (run(commands[i]) != 0)
			_exit(125);
	execvp("dnsmasq", argv);
	_exit(127);
}

/* Ours is live0; beyond it is srv0, in a namespace that lives as long as the server. */
static bool start_server(const char *more)
{
	auto_free char *leases = str_printf("--dhcp-leasefile=%s/leases", folder), *move = NULL;
	auto_strv char **extra = NULL, **argv = NULL;
	int there[2], back[2];
	char c = 0;

	if (strv_split("dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --no-ping "
	               "--interface=srv0 --bind-interfaces --user=root --dhcp-authoritative "
	               "--pid-file= "
	               "--dhcp-range=10.9.0.50,10.9.0.90,255.255.255.0,2m",
	               " ", &argv) < 0 ||
	    strv_append(&argv, leases) < 0 || strv_split(more, " ", &extra) < 0 ||
	    strv_extend(&argv, extra) < 0 || pipe2(there, O_CLOEXEC) < 0 ||
	    pipe2(back, O_CLOEXEC) < 0)
		return false;
	if (run("ip link add live0 type veth peer name srv0") != 0 ||
	    run("ip link set live0 up") != 0)
		return false;
	server = fork();
	if (server == 0)
		serve(there[0], back[1], argv);
	move = str_printf("ip link set srv0 netns %d", (int) server);
	if (read(back[0], &c, 1) != 1 || run(move) != 0 || write(there[1], &c, 1) != 1)
		return false;
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	return true;
}

static bool prepared;

static bool prepare(void)
{
	static const char *const commands[] = {"ip link set lo up",
	                                       "ip link add dead0 type veth peer name gone0",
	                                       "ip link set dead0 up", "ip link set gone0 up"};

	if (prepared)
		return true;
	if (!mkdtemp(folder) || unshare(CLONE_NEWNET) < 0)
		return false;
	for (size_t i = 0; i < ELEMENTSOF(commands); i++)
		if (run(commands[i]) != 0)
			return false;
	atexit(clean);
	prepared = true;
	return true;
}

/* The interfaces go with the server's namespace, which the kernel takes down when it likes. */
static void stop_and_wait(void)
{
	stop_server();
	for (int i = 0; i < 600 && run("ip link show live0 >/dev/null 2>&1") == 0; i++)
		usleep(50000);
}

static const char *text(struct in_addr a)
{
	static char buf[4][INET_ADDRSTRLEN];
	static unsigned k;

	return inet_ntop(AF_INET, &a, buf[k++ % 4], INET_ADDRSTRLEN);
}

TEST(dhcp_client__lease_with_everything)
{
	auto_cleanup(dhcp_client_free) struct dhcp_client *c = NULL;
	const struct dhcp_lease *l;

	CHECK(prepare());
	CHECK(start_server("--dhcp-option=121,0.0.0.0/0,10.9.0.1,169.254.169.254/32,10.9.0.2 "
	                   "--dhcp-option=119,a.example,b.example --dhcp-option=26,1400 "
	                   "--dhcp-option=245,10.9.0.3 --dhcp-option=6,10.9.0.4 --domain=example"));
	CHECK_INT(dhcp_client_new("live0", "box", &c), ==, 0);
	CHECK_INT(dhcp_first(&c, 1, now(CLOCK_BOOTTIME) + DEADLINE, NULL, NULL), ==, 0);
	l = dhcp_client_lease(c);
	CHECK(l);
	CHECK(str_after(text(l->address), "10.9.0.") != NULL);
	CHECK_INT(l->prefix, ==, 24);
	CHECK_STR(text(l->server), "10.9.0.1");
	CHECK_INT(l->n_routes, ==, 2);
	CHECK_STR(text(l->routes[1].to), "169.254.169.254");
	CHECK_STR(text(l->routes[1].via), "10.9.0.2");
	CHECK_INT(l->mtu, ==, 1400);
	CHECK_STR(text(l->wireserver), "10.9.0.3");
	CHECK_STR(text(l->dns[0]), "10.9.0.4");
	CHECK_INT(l->n_search, ==, 2);
	CHECK_STR(l->search[1], "b.example");
	CHECK_STR(l->domain, "example");
	CHECK_INT(l->lifetime, ==, 120);
	CHECK(dhcp_client_next(c) > now(CLOCK_BOOTTIME) + 30 * USEC_PER_SEC);
	dhcp_client_release(c);
	stop_and_wait();
}

TEST(dhcp_client__a_dead_interface_costs_nothing)
{
	struct dhcp_client *c[2] = {NULL};

	CHECK(prepare());
	CHECK(start_server(""));
	CHECK_INT(dhcp_client_new("dead0", NULL, &c[0]), ==, 0);
	CHECK_INT(dhcp_client_new("live0", NULL, &c[1]), ==, 0);
	CHECK_INT(dhcp_first(c, 2, now(CLOCK_BOOTTIME) + DEADLINE, NULL, NULL), ==, 1);
	CHECK(!dhcp_client_lease(c[0]));
	dhcp_client_free(c[0]);
	dhcp_client_free(c[1]);
	stop_and_wait();
}

static bool refuse(void *userdata, struct dhcp_client *c)
{
	(void) c;
	++*(unsigned *) userdata;
	return false;
}

TEST(dhcp_first__who_leads_nowhere_does_not_win)
{
	auto_cleanup(dhcp_client_free) struct dhcp_client *c = NULL;
	unsigned asked = 0;
	usec_t began;

	CHECK(prepare());
	CHECK(start_server(""));
	CHECK_INT(dhcp_client_new("live0", NULL, &c), ==, 0);
	began = now(CLOCK_BOOTTIME);
	/* Long enough for a lease; the answer is no, and the deadline is kept. */
	CHECK_INT(dhcp_first(&c, 1, began + 8 * USEC_PER_SEC, refuse, &asked), ==, -ETIMEDOUT);
	CHECK_INT(asked, ==, 1);
	CHECK(dhcp_client_lease(c) != NULL);
	CHECK(now(CLOCK_BOOTTIME) >= began + 8 * USEC_PER_SEC);
	stop_and_wait();
}

/* Until @wanted, or the deadline. */
static enum dhcp_event wait_event(struct dhcp_client *c, enum dhcp_event wanted)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + DEADLINE;
	enum dhcp_event e;

	do {
		e = dhcp_client_dispatch(c);
		if (e != DHCP_NOTHING)
			return e;
		usleep(10000);
	} while (now(CLOCK_BOOTTIME) < deadline);
	return wanted == DHCP_NOTHING ? e : DHCP_NOTHING;
}

TEST(dhcp_client__a_lease_is_renewed_rebound_and_lost)
{
	auto_cleanup(dhcp_client_free) struct dhcp_client *c = NULL;
	auto_free char *command = NULL;
	struct in_addr address;

	CHECK(prepare());
	CHECK(start_server(""));
	CHECK_INT(dhcp_client_new("live0", NULL, &c), ==, 0);
	CHECK_INT(dhcp_first(&c, 1, now(CLOCK_BOOTTIME) + DEADLINE, NULL, NULL), ==, 0);
	address = dhcp_client_lease(c)->address;
	command = str_printf("ip addr add %s/24 dev live0", text(address));
	CHECK_INT(run(command), ==, 0);        /* the server answers a renewal to the address */
	dhcp_client_age(c, 80 * USEC_PER_SEC); /* past T1 with its eighth more, before T2 */
	CHECK_INT(wait_event(c, DHCP_RENEWED), ==, DHCP_RENEWED);
	CHECK_INT(dhcp_client_lease(c)->address.s_addr, ==, address.s_addr);
	CHECK(dhcp_client_next(c) > now(CLOCK_BOOTTIME) + 30 * USEC_PER_SEC);
	dhcp_client_age(c, 110 * USEC_PER_SEC); /* past T2 */
	CHECK_INT(wait_event(c, DHCP_RENEWED), ==, DHCP_RENEWED);
	stop_server();
	dhcp_client_age(c, 80 * USEC_PER_SEC);
	CHECK_INT(dhcp_client_dispatch(c), ==, DHCP_NOTHING);
	CHECK(dhcp_client_lease(c) != NULL); /* nobody answers, and it still holds */
	dhcp_client_age(c, 120 * USEC_PER_SEC);
	CHECK_INT(dhcp_client_dispatch(c), ==, DHCP_LOST);
	CHECK(!dhcp_client_lease(c));
	stop_and_wait();
}

TEST(dhcp_client__no_server_is_no_lease)
{
	auto_cleanup(dhcp_client_free) struct dhcp_client *c = NULL;

	CHECK(prepare());
	CHECK_INT(dhcp_client_new("dead0", NULL, &c), ==, 0);
	CHECK_INT(dhcp_first(&c, 1, now(CLOCK_BOOTTIME) + USEC_PER_SEC, NULL, NULL), ==,
	          -ETIMEDOUT);
	CHECK(!dhcp_client_lease(c));
}

TEST(dhcp_client__only_what_has_an_ethernet_address)
{
	struct dhcp_client *c = NULL;

	CHECK(prepare());
	CHECK_INT(dhcp_client_new("lo", NULL, &c), ==, -EOPNOTSUPP);
	CHECK_INT(dhcp_client_new("nosuch0", NULL, &c), ==, -ENODEV);
}

__attribute__((constructor)) static void skip_without(void)
{
	if (geteuid() != 0 ||
	    (access("/usr/sbin/dnsmasq", X_OK) < 0 && access("/sbin/dnsmasq", X_OK) < 0)) {
		printf("SKIP: dnsmasq as root is needed\n");
		exit(77);
	}
}
