/*
 * The courier is killed at each call to the kernel that it makes for a message, by each kind of
 * gateway: while it waits, connects, has the first byte out, waits for an answer, asks for the
 * delivery; with a file that is hidden, in outgoing, in sent; with a program that runs. Whatever
 * was under way is never sent again, nothing of it is left, and the next courier works.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_gateway.h"
#include "house_killer.h"
#include "house_orders.h"

#define NUMBER "+819012345678"
#define FIRST  "code 111111"
#define SECOND "code 222222"

#define LEAST_POINTS 10 /* a courier that makes fewer calls for a message makes none */
#define MOST_POINTS  400
#define STEP_MS      5
#define STEPS        (ORDERS_MS / STEP_MS)

static struct orders o;
static unsigned *sent; /* how often FIRST and SECOND went out; shared with the gateways */

static void count_in(const char *text)
{
	sent[0] += strstr(text, FIRST) != NULL;
	sent[1] += strstr(text, SECOND) != NULL;
}

static const char *in_folder(const char *name)
{
	static char path[ORDERS_PATH];

	snprintf(path, sizeof(path), "%s/%s", o.dir, name);
	return path;
}

/* --- gateways ---------------------------------------------------------------------------------
 */

static struct gateway server;

static void nothing(void)
{
}

/* It takes a message, and when it is asked, it has delivered. */
static void serve(struct gateway_line *l)
{
	if (!gateway_read(l))
		return;
	count_in(l->seen->last);
	if (strncmp(l->seen->last, "POST", 4) == 0)
		gateway_answer(l, "200 OK", "id=m1");
	else
		gateway_answer(l, "200 OK", "delivered");
}

static void open_http(void)
{
	char conf[1024];

	assert_true(gateway_reserve(&server, o.dir, GATEWAY_GOOD));
	assert_true(gateway_open(&server, serve));
	snprintf(conf, sizeof(conf),
		 "[sms]\ngateway = http\nca-file = %s\nurl = https://127.0.0.1:%u/{number}\n"
		 "body-type = text\nbody = {text}\nsuccess = id=([a-z0-9]+)\n"
		 "report-url = https://127.0.0.1:%u/report/{id}\ndelivered = delivered\n",
		 server.ca, server.port, server.port);
	assert_true(orders_configure(&o, conf));
}

static void close_http(void)
{
	gateway_close(&server);
}

static void open_exec(void)
{
	FILE *f = fopen(in_folder("gateway"), "we");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n/bin/cat >>%s/runs\n/bin/echo >>%s/runs\n", o.dir, o.dir);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(in_folder("gateway"), 0700), 0);
	assert_true(orders_configure(&o, "[sms]\ngateway = exec\nprogram = %s/gateway\n"));
}

static void read_runs(void)
{
	char line[256];
	FILE *f = fopen(in_folder("runs"), "re");

	sent[0] = sent[1] = 0;
	while (f && fgets(line, sizeof(line), f))
		count_in(line);
	if (f)
		fclose(f);
}

static void open_spool(void)
{
	static const char *const folders[] = { "outgoing", "sent", "failed" };

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mkdir(in_folder(folders[i]), 0700), 0);
	assert_true(orders_configure(&o, "[sms]\ngateway = spool\nspool = %s\n"));
}

/* As smstools, which has sent what it moves. */
static void play_smstools(void)
{
	DIR *d = opendir(in_folder("outgoing"));
	const struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char from[ORDERS_PATH + 300], to[ORDERS_PATH + 300], text[512] = "";
		int fd;

		if (e->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/outgoing/%s", o.dir, e->d_name);
		snprintf(to, sizeof(to), "%s/sent/%s", o.dir, e->d_name);
		fd = open(from, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || rename(from, to) < 0)
			text[0] = '\0';
		if (fd >= 0)
			close(fd);
		count_in(text);
	}
	closedir(d);
}

/* No file, hidden or not, in any folder. */
static bool folders_are_empty(void)
{
	static const char *const folders[] = { "outgoing", "sent", "failed" };
	unsigned files = 0;

	for (size_t i = 0; i < 3; i++) {
		DIR *d = opendir(in_folder(folders[i]));
		const struct dirent *e;

		assert_non_null(d);
		while ((e = readdir(d)) != NULL)
			files += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
		closedir(d);
	}
	return files == 0;
}

static bool holds_nothing_to_ask(void)
{
	return true;
}

/* --- one point ----------------------------------------------------------------------------------
 */

static const struct way {
	void (*open)(void), (*close)(void);
	void (*play)(void);   /* what the other side does meanwhile */
	void (*look)(void);   /* brings sent up to date */
	bool (*forgot)(void); /* nothing of the message is left in the house */
} http = { open_http, close_http, nothing, nothing, holds_nothing_to_ask },
  spool = { open_spool, nothing, play_smstools, nothing, folders_are_empty },
  program = { open_exec, nothing, nothing, read_runs, holds_nothing_to_ask };

static bool is_over(unsigned state)
{
	return state != 0 && km_order_state_ends(state);
}

/* The last that is heard of it: its end, or what it was when the courier died. */
static unsigned hear(const struct way *w, uint64_t id, bool to_the_end)
{
	unsigned last = 0;
	struct km_msg m;

	for (unsigned i = 0;
	     i < STEPS && !(to_the_end ? is_over(last) : last > KM_ORDER_STATE_QUEUED); i++) {
		w->play();
		if (orders_hear(&o, &m, STEP_MS)) {
			assert_int_equal(m.ordered.order, id);
			assert_true(m.ordered.state > last);
			last = m.ordered.state;
		} else if (kill(o.pid, 0) < 0 ||
			   recv(o.courier, &m, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
			return last;
	}
	return last;
}

static bool soon(bool (*holds)(void))
{
	for (unsigned i = 0; i < STEPS && !holds(); i++)
		usleep(STEP_MS * 1000);
	return holds();
}

/* How it was before the death is said by heard; what went out, by sent[0]. */
static void goes_on(const struct way *w, unsigned heard, const char *where)
{
	struct km_msg hello;
	unsigned end;

	assert_int_equal(orders_end(&o, 0), 128 + SIGKILL);
	if (!orders_start(&o, &hello))
		fail_msg("%s: it does not start again", where);
	if (!soon(w->forgot))
		fail_msg("%s: something of the message is left", where);
	assert_true(orders_give(&o, 2, KM_ORDER_MESSAGE, NUMBER, SECOND, 60000));
	end = hear(w, 2, false);
	if (end != KM_ORDER_STATE_TAKEN && end != KM_ORDER_STATE_SENT)
		fail_msg("%s: the next message is not sent", where);
	w->look();
	if (sent[0] > 1 || sent[1] != 1)
		fail_msg("%s: the first went out %u times, the second %u times", where, sent[0],
			 sent[1]);
	if (sent[0] == 1 && heard == KM_ORDER_STATE_FAILED)
		fail_msg("%s: it had failed, and was sent", where);
}

/* False: it makes fewer calls than that. */
static bool killed_at(const struct way *w, unsigned n)
{
	struct killer k;
	struct km_msg hello;
	unsigned heard;
	char where[128];
	bool struck;

	assert_true(orders_open(&o));
	sent[0] = sent[1] = 0;
	w->open();
	assert_true(orders_start(&o, &hello));
	assert_true(killer_set(&k, o.pid, n));
	(void)orders_give(&o, 1, KM_ORDER_MESSAGE, NUMBER, FIRST, 60000); /* it may be dead */
	heard = hear(w, 1, true);
	struck = killer_end(&k);
	snprintf(where, sizeof(where), "killed at %u (%s), heard '%s'", n,
		 struck ? killer_call(&k) : "not", km_order_state_word(heard));
	killer_free(&k);
	if (struck)
		goes_on(w, heard, where);
	w->close();
	orders_close(&o);
	return struck;
}

static void everywhere(const struct way *w)
{
	unsigned n = 1;

	if (geteuid() != 0)
		skip();
	while (n < MOST_POINTS && killed_at(w, n))
		n++;
	print_message("%u points\n", n - 1);
	assert_true(n > LEAST_POINTS && n < MOST_POINTS);
}

static void test_killed_anywhere_with_a_message_over_https_it_is_never_sent_again(void **state)
{
	(void)state;
	everywhere(&http);
}

static void test_killed_anywhere_with_a_message_for_smstools_it_is_never_sent_again(void **state)
{
	(void)state;
	everywhere(&spool);
}

static void test_killed_anywhere_with_a_message_for_a_program_it_is_never_run_again(void **state)
{
	(void)state;
	everywhere(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_killed_anywhere_with_a_message_over_https_it_is_never_sent_again),
		cmocka_unit_test(
		    test_killed_anywhere_with_a_message_for_smstools_it_is_never_sent_again),
		cmocka_unit_test(
		    test_killed_anywhere_with_a_message_for_a_program_it_is_never_run_again),
	};

	sent = mmap(NULL, 2 * sizeof(*sent), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
	if (sent == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
