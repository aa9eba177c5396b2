/*
 * make bench: figures of speed and memory, each beside a peer or a floor
 * measured in the same run. Takes a few minutes. Ends with 1 when something
 * could not be measured, and with 0 otherwise, whether or not targets are met.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "bench.h"

/* --- the houses ----------------------------------------------------------- */

static void describe_one(size_t i, struct registration *r)
{
	*r = (struct registration){ .uid = ACCOUNT_UID, .number = (unsigned)i, .enrolled = true };
	TEXT(r->login, ACCOUNT_ONE);
}

/* Operators with an account stand among the others, as in life, not first. */
#define FIRST_ACCOUNT (BENCH_MANY / 2)

static void describe_many(size_t i, struct registration *r)
{
	*r = (struct registration){ .uid = (uint32_t)(100000 + i),
				    .number = (unsigned)i,
				    .enrolled = true };
	if (i == FIRST_ACCOUNT) {
		describe_one(i, r);
	} else if (i > FIRST_ACCOUNT && i <= FIRST_ACCOUNT + ACCOUNT_FLIGHTS) {
		r->uid = account_flight_uid((unsigned)(i - FIRST_ACCOUNT - 1));
		account_flight((unsigned)(i - FIRST_ACCOUNT - 1), r->login);
	} else {
		TEXT(r->login, "operator%06zu", i);
	}
}

/* Three of the four kinds are registered; nobody knows the other. */
static void describe_refused(size_t i, struct registration *r)
{
	static const unsigned kind_of[] = { 0, 2, 3 };
	unsigned kind = kind_of[i % 3], n = (unsigned)(i / 3);

	*r = (struct registration){ .uid = account_kind_uid(kind, n),
				    .number = (unsigned)i,
				    .enrolled = kind != 2,
				    .suspended = kind == 3 };
	account_kind(kind, n, r->login);
}

static bool furnish(struct house *h, const struct house_setup *setup, size_t count,
		    void (*describe)(size_t i, struct registration *out))
{
	return house_start(h, setup) && house_stop(h) && bench_register(h, count, describe) &&
	       house_again(h) && peers_make(h);
}

static bool furnish_all(struct benches *b)
{
	static const struct house_setup patient = {
		.config = "[login]\ntries = 1\n[lockout]\nafter = 10\n[audit]\nrefusals = 1000\n",
	};

	if (!furnish(&b->one, NULL, 1, describe_one) ||
	    !furnish(&b->refused, &patient, 3 * ACCOUNT_EACH, describe_refused))
		return false;
	say("registering 100,000 operators");
	if (!furnish(&b->many, NULL, BENCH_MANY, describe_many))
		return false;
	TEXT(b->in_one.login, ACCOUNT_ONE);
	TEXT(b->in_many.login, ACCOUNT_ONE);
	b->in_many.number = FIRST_ACCOUNT;
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++) {
		account_flight(i, b->flight[i].login);
		b->flight[i].number = FIRST_ACCOUNT + 1 + i;
	}
	return true;
}

#define BUSY    0.05 /* of all processors; a machine at rest has less */
#define LOOK_MS 1500

/* --- the report ----------------------------------------------------------- */

static void print_machine(double busy)
{
	struct statfs fs = { 0 };
	struct utsname u;

	if (uname(&u) == 0)
		printf("%s %s, %ld processors\n", u.sysname, u.release,
		       sysconf(_SC_NPROCESSORS_ONLN));
	if (statfs("/tmp", &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		puts(
		    "/tmp is in memory here: nothing below is durable, and the ratios say little.");
	if (busy > BUSY)
		printf(
		    "Others use %.0f %% of the processors: do not believe ratios between one at a "
		    "time and many.\n",
		    busy * 100);
	putchar('\n');
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(struct benches *b);
		bool at_home; /* in a house of its own */
	} bench[] = {
		{ "finger", bench_finger, true }, { "calls", bench_calls, true },
		{ "roster", bench_roster, true }, { "phone", bench_phone, true },
		{ "login", bench_login, false },  { "flight", bench_flight, false },
		{ "race", bench_race, false },    { "refused", bench_refused, false },
		{ "size", bench_size, false },    { "trail", bench_trail, false },
	};
	struct benches *b = calloc(1, sizeof(*b));
	double busy = busy_share(LOOK_MS), after;
	bool furnished = false, complete;

	for (size_t i = 0; i < sizeof(bench) / sizeof(bench[0]); i++)
		furnished |= !bench[i].at_home && (argc < 2 || strcmp(argv[1], bench[i].name) == 0);
	complete = b && accounts_make() && (!furnished || furnish_all(b));
	if (b)
		b->roster = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : BENCH_MANY;
	if (!complete)
		row_failed("everything", "the rooms could not be furnished");
	for (size_t i = 0; complete && i < sizeof(bench) / sizeof(bench[0]); i++)
		if (argc < 2 || strcmp(argv[1], bench[i].name) == 0)
			bench[i].run(b);
	if (b) {
		house_end(&b->many);
		house_end(&b->refused);
		house_end(&b->one);
	}
	free(b);
	after = busy_share(LOOK_MS);
	if (after > busy)
		busy = after;
	print_machine(busy);
	return rows_print(busy > BUSY) ? 0 : 1;
}
