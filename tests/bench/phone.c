/*
 * Codes that are sent: 1,000 orders in flight through one courier to a gateway on this machine, and
 * how long it takes from a right password until the courier has the order.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "../system/house_gateway.h"
#include "../system/house_messages.h"
#include "../system/house_office.h"
#include "../system/house_phone.h"
#include "bench.h"

/* --- 1,000 in flight ------------------------------------------------------------------------ */

#define ORDERS   1000
#define RUNS     5
#define MOST_MIB 64
#define ORDER_MS 300000

static void take_it(struct gateway_line *l)
{
	if (gateway_read(l))
		gateway_answer(l, "200 OK", "ok");
}

/* False: something else was heard than that they were taken. */
static bool hear_one(struct post *p, unsigned *queued, unsigned *taken)
{
	uint64_t id = 0;
	struct post_news n = post_hear_any(p, &id);

	*queued += n.state == KM_ORDER_STATE_QUEUED;
	*taken += n.state == KM_ORDER_STATE_TAKEN;
	return n.state == KM_ORDER_STATE_QUEUED || n.state == KM_ORDER_STATE_TAKEN;
}

static bool send_all(struct post *p, uint64_t *id, double *per_second)
{
	unsigned queued = 0, taken = 0;
	double start = now_us();

	for (unsigned i = 1; i <= ORDERS; i++) {
		if (!post_send(p, ++*id, MESSAGE_NUMBER, MESSAGE_TEXT, ORDER_MS))
			return false;
		while (queued < i)
			if (!hear_one(p, &queued, &taken))
				return false;
	}
	while (taken < ORDERS)
		if (!hear_one(p, &queued, &taken))
			return false;
	*per_second = ORDERS / (now_us() - start) * 1e6;
	return true;
}

static bool start_courier(struct post *p, struct gateway *g)
{
	char conf[1024];

	snprintf(conf, sizeof(conf),
		 "[sms]\ngateway = http\n%s%s\nurl = %s://127.0.0.1:%u/\nbody = {\"to\": "
		 "\"{number}\", \"text\": \"{text}\"}\ntimeout = 120\nat-once = 256\n",
		 g->certificate ? "ca-file = " : "", g->certificate ? g->ca : "",
		 g->certificate ? "https" : "http", g->port);
	return gateway_open(g, take_it) && post_configure(p, conf, NULL) && post_start(p);
}

static void report_flight(const char *figure, struct series *rate, double peak_kib)
{
	struct row row = { .met = ROW_SHOWN };

	TEXT(row.figure, "1,000 messages in flight, %s", figure);
	TEXT(row.value, "%.0f /s", median(rate));
	TEXT(row.beside, "a gateway that takes one after the other");
	row_add(&row);
	row = (struct row){ .figure = "  the courier at its largest" };
	TEXT(row.value, "%.1f MiB", peak_kib / 1024);
	TEXT(row.target, "< %u MiB", MOST_MIB);
	row.met = peak_kib < MOST_MIB * 1024 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
}

static void flight(enum gateway_certificate certificate, const char *figure)
{
	struct post p = { .listener = -1, .link = -1 };
	struct gateway g = { .listener = -1 };
	struct series rate = { 0 };
	uint64_t id = 0;
	double one = 0;
	bool ok =
	    post_begin(&p) && gateway_reserve(&g, p.dir, certificate) && start_courier(&p, &g);

	for (unsigned i = 0; ok && i < RUNS; i++) {
		ok = send_all(&p, &id, &one);
		series_add(&rate, one);
	}
	if (ok)
		report_flight(figure, &rate, status_kib(p.pid, "VmHWM:"));
	else
		row_failed("1,000 messages in flight", "one was not taken");
	post_stop(&p);
	if (g.listener >= 0)
		gateway_close(&g);
	post_end(&p);
	series_free(&rate);
}

/* --- from a right password to the order ------------------------------------------------------- */

#define PEOPLE   8
#define EACH     75 /* codes an hour; a budget has at most 100 */
#define WARM     20
#define SERVICE  "bench-phone"
#define PASSWORD "correct horse" /* of tests/pam/password.so */

/* Shared with the gateway. */
static struct seen {
	double came; /* when the courier was there, with the order in its hands */
	char code[16];
} * seen;

static void take_code(struct gateway_line *l)
{
	double came = now_us();
	const char *body;

	if (!gateway_read(l))
		return;
	body = strstr(l->seen->last, "\r\n\r\n");
	body = body ? strpbrk(body, "0123456789") : NULL;
	if (body)
		snprintf(seen->code, sizeof(seen->code), "%.6s", body);
	seen->came = came;
	gateway_answer(l, "200 OK", "ok");
}

struct answering {
	double password, enter;
	char code[16];
};

/* Prompts: the password, what is to be done, the code. */
static bool answering(void *arg, unsigned prompt)
{
	struct answering *a = arg;

	if (prompt == 0)
		a->password = now_us();
	else if (prompt == 1)
		a->enter = now_us();
	else
		memcpy(a->code, seen->code, sizeof(a->code));
	return true;
}

static bool login(const struct house *h, const char *user, struct series *whole,
		  struct series *enter)
{
	struct answering a = { 0 };
	const char *const answers[] = { PASSWORD, ENTER, a.code, NULL };
	struct house_login *l = calloc(1, sizeof(*l));
	bool ok = l != NULL;

	if (ok) {
		*l = (struct house_login){ .service = SERVICE,
					   .user = user,
					   .answers = answers,
					   .before_answer = answering,
					   .arg = &a };
		ok = house_login(h, l) == PAM_SUCCESS && l->prompts == 3;
		if (!ok)
			say("%s was refused: %s", user, pam_strerror(NULL, l->code));
	}
	free(l);
	series_add(whole, seen->came - a.password);
	series_add(enter, seen->came - a.enter);
	return ok;
}

/* What a durable count costs, on the disk that the house is on. */
static bool flush_alone(const struct house *h, struct series *flush)
{
	static int fd = -1;
	char path[HOUSE_PATH + 16];
	double start;

	snprintf(path, sizeof(path), "%s/floor", h->dir);
	if (fd < 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	start = now_us();
	if (fd < 0 || pwrite(fd, &start, sizeof(start), 0) < 0 || fdatasync(fd) < 0)
		return false;
	series_add(flush, now_us() - start);
	return true;
}

/* The house's own stack, behind a password. */
static bool make_stack(const struct house *h)
{
	char from[HOUSE_PATH + 32], to[HOUSE_PATH + 32], line[1024], programs[HOUSE_PATH];
	FILE *in, *out;
	bool ok;

	snprintf(from, sizeof(from), "%s/%s", h->pam, HOUSE_SERVICE);
	snprintf(to, sizeof(to), "%s/%s", h->pam, SERVICE);
	in = fopen(from, "re");
	out = fopen(to, "we");
	ok = in && out && house_programs(programs) &&
	     fprintf(out, "auth required %s/tests/pam/password.so\n", programs) > 0;
	while (ok && fgets(line, sizeof(line), in))
		ok = fputs(line, out) >= 0;
	if (in)
		fclose(in);
	return (!out || fclose(out) == 0) && ok;
}

static bool enrol_all(const struct house *h)
{
	char login_name[32], number[32];

	for (unsigned i = 0; i < PEOPLE; i++) {
		account_flight(i, login_name);
		snprintf(number, sizeof(number), "090-1234-56%02u", i);
		if (office_add(h, login_name, account_flight_uid(i)) != KM_OK ||
		    phone_enrol(h, login_name, number) != KM_OK)
			return false;
	}
	return true;
}

static bool furnish(struct house *h, struct gateway *g, const char *folder)
{
	char conf[1024];

	if (!gateway_reserve(g, folder, GATEWAY_PLAIN) || !gateway_open(g, take_code))
		return false;
	snprintf(conf, sizeof(conf),
		 "[login]\nfactors = sms\n[phone]\noperator-hour = 100\noperator-day = 1000\n"
		 "number-hour = 100\nnumber-day = 1000\nsite-hour = 100000\nsite-day = 100000\n"
		 "[sms]\ngateway = http\nurl = http://127.0.0.1:%u/{number}\n"
		 "body-type = text\nbody = {text}\n",
		 g->port);
	return office_house(h, conf) && enrol_all(h) && make_stack(h);
}

static void report_order(struct series *whole, struct series *enter, struct series *flush)
{
	struct row row = { .figure = "right password to order handed over" };

	TEXT(row.value, "%.2f ms", median(whole) / 1e3);
	TEXT(row.beside, "%.2f ms  from Enter", median(enter) / 1e3);
	TEXT(row.target, "< 2 ms");
	row.met = median(whole) < 2000 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	row = (struct row){ .figure = "  without a flush" };
	TEXT(row.value, "%.2f ms", (median(whole) - median(flush)) / 1e3);
	TEXT(row.beside, "%.2f ms  fdatasync alone", median(flush) / 1e3);
	row_add(&row);
	row = (struct row){ .figure = "  slowest of 100" };
	TEXT(row.value, "%.2f ms", series_at(whole, 0.99) / 1e3);
	TEXT(row.beside, "%.2f ms  fdatasync alone", series_at(flush, 0.99) / 1e3);
	row_add(&row);
}

static void order(void)
{
	struct gateway g = { .listener = -1 };
	struct series whole = { 0 }, enter = { 0 }, flush = { 0 };
	struct house *h = calloc(1, sizeof(*h));
	char folder[] = "/tmp/kenmon-bench-XXXXXX", user[32];
	bool ok;

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ok = h && seen != MAP_FAILED && mkdtemp(folder) && furnish(h, &g, folder);
	for (unsigned i = 0; ok && i < PEOPLE * EACH; i++) {
		if (i == WARM)
			whole.count = enter.count = flush.count = 0;
		account_flight(i % PEOPLE, user);
		ok = login(h, user, &whole, &enter) && flush_alone(h, &flush);
	}
	if (ok)
		report_order(&whole, &enter, &flush);
	else
		row_failed("right password to order handed over", "a login failed");
	office_close();
	if (h)
		house_end(h);
	free(h);
	if (g.listener >= 0)
		gateway_close(&g);
	rmdir(folder);
	series_free(&whole);
	series_free(&enter);
	series_free(&flush);
}

void bench_phone(struct benches *b)
{
	(void)b;
	say("text messages: 1,000 in flight, %d times, in the clear and over TLS", RUNS);
	flight(GATEWAY_PLAIN, "http");
	flight(GATEWAY_GOOD, "https");
	say("text messages: %d logins", PEOPLE * EACH);
	order();
}
