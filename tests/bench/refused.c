/* A wrong code for names of every kind: does the time tell which kind it was? (C25) */
#include <stdio.h>

#include <security/pam_appl.h>

#include "bench.h"

#define TRIES     2000
#define EACH_NAME 2   /* of ten until the lock: up to four unknown names may share a bucket */
#define EACH_HOST 100 /* × 4 kinds: below the refusals of one source that are written down */

static const char *const kind_name[ACCOUNT_KINDS] = { "known", "unknown", "unenrolled",
						      "suspended" };

static bool one_try(const struct house *h, unsigned i, unsigned kind, struct series *us)
{
	char user[32], rhost[32];
	struct attempt a = { .confdir = h->pam,
			     .service = SERVICE_OURS,
			     .user = user,
			     .rhost = rhost,
			     .code = "000000" };

	account_kind(kind, i / EACH_NAME, user);
	snprintf(rhost, sizeof(rhost), "192.0.2.%u", i / EACH_HOST + 1);
	if (attempt_login(&a) != PAM_AUTH_ERR || a.prompts != 1) {
		say("%s: %s after %u prompts", user, pam_strerror(NULL, a.result), a.prompts);
		return false;
	}
	series_add(us, a.whole - a.answer);
	return true;
}

static void report(struct series us[ACCOUNT_KINDS])
{
	double known = median(&us[0]);

	for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
		double m = median(&us[kind]);
		struct row row = { 0 };

		TEXT(row.figure, "a wrong code is refused: %s name", kind_name[kind]);
		TEXT(row.value, "%.0f µs", m);
		TEXT(row.beside, "%.0f … %.0f µs  middle half", series_at(&us[kind], 0.25),
		     series_at(&us[kind], 0.75));
		TEXT(row.ratio, "%.2f", m / known);
		if (kind == 0)
			TEXT(row.target, "(side by side)");
		row_add(&row);
	}
}

void bench_refused(struct benches *b)
{
	struct series us[ACCOUNT_KINDS] = { 0 };
	bool ok = true;

	say("refusals");
	/* The order of the kinds turns, so that none always follows the same one. */
	for (unsigned i = 0; ok && i < TRIES; i++)
		for (unsigned k = 0; ok && k < ACCOUNT_KINDS; k++) {
			unsigned kind = (k + i) % ACCOUNT_KINDS;

			ok = one_try(&b->refused, i, kind, &us[kind]);
		}
	if (ok)
		report(us);
	else
		row_failed("refusals", "one was not refused as it should be");
	for (unsigned k = 0; k < ACCOUNT_KINDS; k++)
		series_free(&us[k]);
}
