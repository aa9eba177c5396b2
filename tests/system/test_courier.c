/*
 * The real courier alone: what it says of itself, its walls, reloads, and its death in every state
 * of an order. The gateway is this test itself, copied: under the name that it is run by it writes
 * a line, and waits while there is a file named "wait".
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_orders.h"

#define NUMBER "+819012345678"
#define EXEC   "[sms]\ngateway = exec\nprogram = %s/gateway\n"

static struct orders o;

/* --- as the gateway -------------------------------------------------------------------------- */

static int act(void)
{
	char path[PATH_MAX], wait[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	int fd;

	if (n <= 0)
		return 1;
	path[n] = '\0';
	memcpy(wait, path, (size_t)n + 1);
	strcpy(strrchr(path, '/'), "/runs");
	strcpy(strrchr(wait, '/'), "/wait");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dprintf(fd, "%d\n", getpid()) < 0)
		return 1;
	while (access(wait, F_OK) == 0)
		usleep(10000);
	return 0;
}

/* --- the scene ---------------------------------------------------------------------------------
 */

static const char *in_folder(const char *name)
{
	static char path[ORDERS_PATH];

	snprintf(path, sizeof(path), "%s/%s", o.dir, name);
	return path;
}

static void copy_self(void)
{
	char bytes[65536];
	ssize_t n;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(in_folder("gateway"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	assert_true(from >= 0 && to >= 0);
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(to, bytes, (size_t)n), n);
	close(from);
	assert_int_equal(close(to), 0);
}

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static const char *content(const char *name)
{
	static char text[8192];
	FILE *f = fopen(in_folder(name), "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return text;
}

static unsigned runs(void)
{
	const char *at = content("runs");
	unsigned count = 0;

	for (; *at; at++)
		count += *at == '\n';
	return count;
}

static bool soon(bool (*holds)(void))
{
	for (unsigned i = 0; i < ORDERS_MS / 10 && !holds(); i++)
		usleep(10000);
	return holds();
}

static bool ran_once(void)
{
	return runs() == 1;
}

static bool log_says(const char *text)
{
	for (unsigned i = 0; i < ORDERS_MS / 10 && !strstr(content("log"), text); i++)
		usleep(10000);
	return strstr(content("log"), text) != NULL;
}

static struct km_msg start(const char *conf)
{
	struct km_msg hello;

	assert_true(orders_configure(&o, conf));
	assert_true(orders_start(&o, &hello));
	return hello;
}

static int set_up(void **state)
{
	(void)state;
	assert_true(orders_open(&o));
	copy_self();
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	unlink(in_folder("wait"));
	orders_close(&o);
	return 0;
}

/* --- what it is ------------------------------------------------------------------------------ */

static void test_without_a_gateway_it_is_there_and_refuses(void **state)
{
	const struct km_msg hello = start("");
	unsigned why = 0;

	(void)state;
	assert_int_equal(hello.courier.version, KM_ROOM_PROTOCOL);
	assert_int_equal(hello.courier.gateway, KM_GATEWAY_NONE);
	assert_int_equal(hello.courier.calls, 0);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 123456", 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_FAILED, &why), KM_ORDER_STATE_FAILED);
	assert_int_equal(why, KM_ORDER_WHY_NO_GATEWAY);
}

static bool status_says(const char *line)
{
	char path[64], text[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", o.pid);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return strstr(text, line) != NULL;
}

static void test_it_has_no_powers_and_a_filter_before_it_says_a_word(void **state)
{
	(void)start(EXEC);

	(void)state;
	if (strstr(content("log"), "not confined"))
		skip();
	assert_true(status_says("NoNewPrivs:\t1"));
	assert_true(status_says("Seccomp:\t2"));
	assert_true(status_says("CapEff:\t0000000000000000"));
}

static void test_a_stop_ends_what_is_under_way_and_says_so(void **state)
{
	unsigned why = 0;

	(void)state;
	(void)start(EXEC);
	put("wait", "", 0600);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 123456", 60000));
	assert_true(soon(ran_once));
	assert_int_equal(kill(o.pid, SIGTERM), 0);
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_UNKNOWN, &why), KM_ORDER_STATE_UNKNOWN);
	assert_int_equal(why, KM_ORDER_WHY_CUT);
	assert_int_equal(orders_end(&o, 0), 0);
}

static void test_the_end_of_the_vault_is_its_end(void **state)
{
	(void)state;
	(void)start(EXEC);
	close(o.courier);
	o.courier = -1;
	assert_int_equal(orders_end(&o, 0), 0);
}

static void test_a_vault_that_breaks_the_protocol_ends_it(void **state)
{
	(void)state;
	(void)start(EXEC);
	assert_int_equal(km_send(o.courier, (const uint8_t *)"\x83garbage", 8, -1, 0), KM_OK);
	assert_int_equal(orders_end(&o, 0), 0);
	assert_non_null(strstr(content("log"), "not our protocol"));
}

static void test_c21_a_vault_that_gives_a_hostile_number_ends_it_and_nothing_is_run(void **state)
{
	(void)state;
	(void)start(EXEC);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, "+81;touch /x", "code 123456", 60000));
	assert_int_equal(orders_end(&o, 0), 0);
	assert_int_equal(runs(), 0);
}

static void test_c17_neither_number_nor_code_is_in_its_log_or_its_command_line(void **state)
{
	static const char *const secret[] = { "9012345678", "482913" };
	char path[64], line[4096];
	ssize_t n;
	int fd;

	(void)state;
	(void)start(EXEC "timeout = 1\n");
	put("wait", "", 0600);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 482913", 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_UNKNOWN, NULL), KM_ORDER_STATE_UNKNOWN);
	assert_int_equal(unlink(in_folder("gateway")), 0);
	assert_true(orders_give(&o, 2, KM_ORDER_MESSAGE, NUMBER, "code 482913", 60000));
	assert_int_equal(orders_until(&o, 2, KM_ORDER_STATE_FAILED, NULL), KM_ORDER_STATE_FAILED);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", o.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof(line));
	assert_true(n > 0);
	close(fd);
	assert_true(log_says("does not start"));
	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
		assert_null(strstr(content("log"), secret[i]));
		assert_null(memmem(line, (size_t)n, secret[i], strlen(secret[i])));
	}
}

/* --- killed ---------------------------------------------------------------------------------- */

static void killed_then_again(unsigned runs_before)
{
	struct km_msg hello;

	assert_int_equal(orders_end(&o, SIGKILL), 128 + SIGKILL);
	unlink(in_folder("wait"));
	assert_true(orders_start(&o, &hello));
	/* It remembers nothing: what was under way is the vault's to call unknown. */
	assert_true(orders_give(&o, 99, KM_ORDER_MESSAGE, NUMBER, "code 999999", 60000));
	assert_int_equal(orders_until(&o, 99, KM_ORDER_STATE_TAKEN, NULL), KM_ORDER_STATE_TAKEN);
	assert_int_equal(runs(), runs_before + 1);
}

static void test_killed_before_any_order_it_starts_again(void **state)
{
	(void)state;
	(void)start(EXEC);
	killed_then_again(0);
}

static void test_killed_with_an_order_that_waits_for_its_turn_it_is_never_begun(void **state)
{
	struct km_msg m;

	(void)state;
	(void)start(EXEC "at-once = 1\n");
	put("wait", "", 0600);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 123456", 60000));
	assert_true(orders_give(&o, 2, KM_ORDER_MESSAGE, NUMBER, "code 123457", 60000));
	assert_true(soon(ran_once));
	for (unsigned heard = 0; heard < 2; heard++)
		assert_true(orders_hear(&o, &m, ORDERS_MS));
	assert_int_equal(m.ordered.order, 2);
	assert_int_equal(m.ordered.state, KM_ORDER_STATE_QUEUED);
	killed_then_again(1);
}

static bool program_has_ended(void)
{
	char path[64], line[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", atoi(content("runs")));
	f = fopen(path, "re");
	if (!f)
		return true;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return !line[0] || strstr(line, ") Z ") || strstr(line, ") X ");
}

static void
test_killed_while_a_program_runs_it_takes_the_program_along_and_repeats_nothing(void **state)
{
	(void)state;
	(void)start(EXEC);
	put("wait", "", 0600);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 123456", 60000));
	assert_true(soon(ran_once));
	kill(o.pid, SIGKILL);
	assert_true(soon(program_has_ended));
	killed_then_again(1);
}

static void test_killed_after_an_order_has_ended_nothing_is_repeated(void **state)
{
	(void)state;
	(void)start(EXEC);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 123456", 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_TAKEN, NULL), KM_ORDER_STATE_TAKEN);
	killed_then_again(1);
}

/* --- again, with another configuration ------------------------------------------------------- */

static void test_a_reload_is_said_to_the_vault_and_a_wrong_one_changes_nothing(void **state)
{
	struct km_msg m;

	(void)state;
	(void)start(EXEC);
	assert_true(orders_configure(&o, EXEC "timeout = 5\n"));
	assert_int_equal(kill(o.pid, SIGHUP), 0);
	assert_true(orders_hear(&o, &m, ORDERS_MS));
	assert_int_equal(m.number, KM_MSG_COURIER);
	assert_int_equal(m.courier.gateway, KM_GATEWAY_EXEC);
	assert_true(orders_configure(&o, "[sms]\ngateway = pigeon\n"));
	assert_int_equal(kill(o.pid, SIGHUP), 0);
	assert_true(log_says("stays as it was"));
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 123456", 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_TAKEN, NULL), KM_ORDER_STATE_TAKEN);
}

static void test_another_gateway_ends_it_with_its_last_order_and_no_new_one_is_taken(void **state)
{
	struct km_msg hello;
	unsigned why = 0;

	(void)state;
	(void)start(EXEC);
	put("wait", "", 0600);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, "code 123456", 60000));
	assert_true(soon(ran_once));
	assert_true(orders_configure(&o, ""));
	assert_int_equal(kill(o.pid, SIGHUP), 0);
	assert_true(log_says("needs other walls"));
	assert_true(orders_give(&o, 2, KM_ORDER_MESSAGE, NUMBER, "code 123457", 60000));
	assert_int_equal(orders_until(&o, 2, KM_ORDER_STATE_FAILED, &why), KM_ORDER_STATE_FAILED);
	assert_int_equal(why, KM_ORDER_WHY_NO_COURIER);
	assert_int_equal(unlink(in_folder("wait")), 0);
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_TAKEN, NULL), KM_ORDER_STATE_TAKEN);
	assert_int_equal(orders_end(&o, 0), 0);
	assert_true(orders_start(&o, &hello));
	assert_int_equal(hello.courier.gateway, KM_GATEWAY_NONE);
}

static void test_a_wrong_configuration_at_the_start_is_said_and_ends_it(void **state)
{
	(void)state;
	assert_true(orders_configure(&o, "[sms]\ngateway = pigeon\n"));
	assert_int_equal(orders_run(&o), 78);
	assert_non_null(strstr(content("log"), "pigeon"));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ONE(test_without_a_gateway_it_is_there_and_refuses),
		ONE(test_it_has_no_powers_and_a_filter_before_it_says_a_word),
		ONE(test_a_stop_ends_what_is_under_way_and_says_so),
		ONE(test_the_end_of_the_vault_is_its_end),
		ONE(test_a_vault_that_breaks_the_protocol_ends_it),
		ONE(test_c21_a_vault_that_gives_a_hostile_number_ends_it_and_nothing_is_run),
		ONE(test_c17_neither_number_nor_code_is_in_its_log_or_its_command_line),
		ONE(test_killed_before_any_order_it_starts_again),
		ONE(test_killed_with_an_order_that_waits_for_its_turn_it_is_never_begun),
		ONE(test_killed_while_a_program_runs_it_takes_the_program_along_and_repeats_nothing),
		ONE(test_killed_after_an_order_has_ended_nothing_is_repeated),
		ONE(test_a_reload_is_said_to_the_vault_and_a_wrong_one_changes_nothing),
		ONE(test_another_gateway_ends_it_with_its_last_order_and_no_new_one_is_taken),
		ONE(test_a_wrong_configuration_at_the_start_is_said_and_ends_it),
	};

	(void)argc;
	if (strcmp(argv[0], "sms") == 0)
		return act();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
