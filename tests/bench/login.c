/* One HOTP login, durable: ours with 1 and with 100,000 operators, pam_oath, and three floors. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "bench.h"

#define ROUNDS     1500
#define ROUNDS_MIN 100
#define WARM       20
#define BUDGET_US  60e6 /* where every flush takes 4 ms, fewer rounds must do */

enum { ONE, MANY, OATH, FLOOR, FLUSH, BARE, STORED, KINDS };
#define TURNS 6

struct run {
	struct benches *b;
	struct token oath;
	int file; /* what the floor flushes */
	struct bare bare, stored;
	struct series us[KINDS], prompt, judged;
};

/* Where the time of ours goes: to the prompt, and from the answer to the result. */
static bool ours(struct run *r, struct house *h, struct token *t, int kind)
{
	char code[16];
	struct attempt a = {
		.confdir = h->pam, .service = SERVICE_OURS, .user = t->login, .code = code
	};

	token_code(t, code);
	if (attempt_login(&a) != PAM_SUCCESS) {
		say("%s was refused: %s", t->login, pam_strerror(NULL, a.result));
		return false;
	}
	t->counter++;
	series_add(&r->us[kind], a.whole);
	if (kind == ONE) {
		series_add(&r->prompt, a.prompt);
		series_add(&r->judged, a.whole - a.answer);
	}
	return true;
}

static bool floor_login(struct run *r)
{
	struct attempt a = {
		.confdir = r->b->one.pam, .service = SERVICE_PERMIT, .user = ACCOUNT_ONE, .code = ""
	};
	double start = now_us();

	if (attempt_login(&a) != PAM_SUCCESS)
		return false;
	if (pwrite(r->file, &start, sizeof(start), 0) < 0 || fdatasync(r->file) < 0)
		return false;
	series_add(&r->us[FLOOR], now_us() - start);
	start = now_us();
	if (pwrite(r->file, &start, sizeof(start), 0) < 0 || fdatasync(r->file) < 0)
		return false;
	series_add(&r->us[FLUSH], now_us() - start);
	return true;
}

static bool bare(struct run *r, const struct bare *b, int kind)
{
	double us;

	if (!bare_login(b, r->b->one.pam, ACCOUNT_ONE, &us))
		return false;
	series_add(&r->us[kind], us);
	return true;
}

static bool oath_login(struct run *r)
{
	double us;

	if (!token_login(r->b->one.pam, SERVICE_OATH, &r->oath, &us))
		return false;
	series_add(&r->us[OATH], us);
	return true;
}

/* The order turns, so that none always follows the same one. */
static bool one_round(struct run *r, unsigned round)
{
	for (unsigned i = 0; i < TURNS; i++) {
		bool ok = false;

		switch ((i + round) % TURNS) {
		case 0:
			ok = ours(r, &r->b->one, &r->b->in_one, ONE);
			break;
		case 1:
			ok = oath_login(r);
			break;
		case 2:
			ok = ours(r, &r->b->many, &r->b->in_many, MANY);
			break;
		case 3:
			ok = bare(r, &r->bare, BARE);
			break;
		case 4:
			ok = bare(r, &r->stored, STORED);
			break;
		default:
			ok = floor_login(r);
		}
		if (!ok)
			return false;
	}
	return true;
}

static bool measure(struct run *r)
{
	double end = now_us() + BUDGET_US;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i == WARM) {
			for (int kind = 0; kind < KINDS; kind++)
				r->us[kind].count = 0;
			r->prompt.count = r->judged.count = 0;
		}
		if (i > ROUNDS_MIN && now_us() > end)
			break;
		if (!one_round(r, i))
			return false;
	}
	return true;
}

/* What the target is worth on this machine: it cannot be met below a floor. */
static void report_floor(const char *figure, const char *what, double ours, double base,
			 double oath)
{
	struct row row = { .met = ROW_SHOWN };

	TEXT(row.figure, "  %s", figure);
	TEXT(row.value, "%.0f µs", ours);
	TEXT(row.beside, "%.0f µs  %s", base, what);
	TEXT(row.ratio, "%.2f", ours / base);
	row_add(&row);
	TEXT(row.figure, "    that floor, beside pam_oath");
	TEXT(row.value, "%.0f µs", base);
	TEXT(row.beside, "%.0f µs  pam_oath, 1 user", oath);
	TEXT(row.ratio, "%.2f", base / oath);
	TEXT(row.target, base > oath / 4 ? "0.25 is out of reach" : "0.25 is within reach");
	row_add(&row);
}

static void report_parts(struct run *r)
{
	double base = median(&r->us[FLOOR]);
	struct row row = { .met = ROW_SHOWN };

	TEXT(row.figure, "  of it: from the start to the prompt");
	TEXT(row.value, "%.0f µs", median(&r->prompt));
	TEXT(row.beside, "%.0f µs  pam_permit alone", base - median(&r->us[FLUSH]));
	row_add(&row);

	row = (struct row){ .figure = "  of it: from the answer to the end" };
	TEXT(row.value, "%.0f µs", median(&r->judged));
	TEXT(row.beside, "%.0f µs  fdatasync alone", median(&r->us[FLUSH]));
	row_add(&row);

	row = (struct row){ .figure = "  slowest of 100" };
	TEXT(row.value, "%.0f µs", series_at(&r->us[ONE], 0.99));
	TEXT(row.beside, "%.0f µs  pam_oath; %zu rounds", series_at(&r->us[OATH], 0.99),
	     r->us[ONE].count);
	row_add(&row);
}

static void report(struct run *r)
{
	double one = median(&r->us[ONE]), many = median(&r->us[MANY]);
	double oath = median(&r->us[OATH]);
	struct row row = { .figure = "one HOTP login, durable" };

	TEXT(row.value, "%.0f µs", one);
	TEXT(row.beside, "%.0f µs  pam_oath, 1 user", oath);
	TEXT(row.ratio, "%.2f", one / oath);
	TEXT(row.target, "≤ 0.25");
	row.met = one <= oath / 4 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	report_floor("beside a flush alone", "pam_permit + fdatasync", one, median(&r->us[FLOOR]),
		     oath);
	report_floor("beside its bare shape", "the same over two relays", one, median(&r->us[BARE]),
		     oath);
	report_floor("beside that with a database", "the same with SQLite", one,
		     median(&r->us[STORED]), oath);

	row = (struct row){ .figure = "  the same, 100,000 operators registered" };
	TEXT(row.value, "%.0f µs", many);
	TEXT(row.beside, "%.0f µs  with 1 operator", one);
	TEXT(row.ratio, "%.2f", many / one);
	TEXT(row.target, "within 10 %%");
	row.met = many <= one * 1.1 && many >= one * 0.9 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	report_parts(r);
}

void bench_login(struct benches *b)
{
	struct run r = { .b = b, .oath = { .login = ACCOUNT_ONE }, .file = -1 };
	char path[HOUSE_PATH + 16];

	say("one login at a time");
	snprintf(path, sizeof(path), "%s/floor", b->one.dir);
	r.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (r.file < 0 || !oath_write(&b->one, &r.oath) ||
	    !bare_start(&r.bare, b->one.dir, BARE_LOG) ||
	    !bare_start(&r.stored, b->one.dir, BARE_DATABASE) || !measure(&r))
		row_failed("one HOTP login, durable", "a login did not succeed");
	else
		report(&r);
	bare_end(&r.bare);
	bare_end(&r.stored);
	if (r.file >= 0)
		close(r.file);
	for (int kind = 0; kind < KINDS; kind++)
		series_free(&r.us[kind]);
	series_free(&r.prompt);
	series_free(&r.judged);
}
