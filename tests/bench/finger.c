/*
 * A login with a finger: from the moment at which the reader gives a picture to the verdict at the
 * door. libfprint alone reads the same picture in turn, in a process that does nothing else: what
 * is left is ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "../synth/scanner.h"
#include "../system/house_office.h"
#include "../system/house_touch.h"
#include "bench.h"

#define ROUNDS  40
#define FEED_MS 10000
#define FINGERS 10

static const char *const fingers[FINGERS] = { "right-index", "left-index",   "right-thumb",
					      "left-thumb",  "right-middle", "left-middle",
					      "right-ring",  "left-ring",    "right-little",
					      "left-little" };

/* Operators, and how many fingers of theirs are enrolled: the finger's identity is first + k. */
struct person {
	char login[32];
	uint32_t uid, first;
	unsigned fingers;
	unsigned target_ms;
	const char *figure;
	unsigned missed;
	struct series ours, whole, libfprint;
};

struct lab {
	struct house h;
	struct scanner scanner;
	char path[64];
	struct picture picture;
	double fed; /* when, in µs */
	bool refused_by_reader;
};

static void feed(void *arg, const char *text)
{
	struct lab *l = arg;

	(void)text;
	if (l->fed > 0)
		return;
	l->fed = now_us();
	l->refused_by_reader = !feed_picture(finger_reader(), &l->picture, FEED_MS);
}

/* False: it did not come to a finding. */
static bool login(struct lab *l, const struct person *p, bool *let_in, double *us)
{
	struct house_login *in = calloc(1, sizeof(*in));
	bool ok;

	if (!in)
		return false;
	l->fed = 0;
	in->service = FINGER_FIRST;
	in->user = p->login;
	in->on_message = feed;
	in->message_arg = l;
	*let_in = house_login(&l->h, in) == PAM_SUCCESS;
	*us = now_us() - l->fed;
	ok = *let_in || finger_said(in, "That finger is not right.");
	ok = ok && l->fed > 0 && !l->refused_by_reader;
	if (!ok)
		say("%s was refused: %s", p->login, pam_strerror(NULL, in->code));
	free(in);
	return ok;
}

static bool libfprint_alone(struct lab *l, double *us)
{
	struct reading r;
	double start;

	if (!scanner_says(&l->scanner, &r) || r.kind != READING_WAITS)
		return false;
	start = now_us();
	if (!feed_picture(l->path, &l->picture, FEED_MS) || !scanner_says(&l->scanner, &r) ||
	    r.kind != READING_TAKEN)
		return false;
	*us = now_us() - start;
	return true;
}

static bool round_of(struct lab *l, struct person *p, unsigned round)
{
	double whole, libfprint;
	bool let_in;

	finger_paint(p->first + round % p->fingers, 1000 + round, &l->picture);
	if (!login(l, p, &let_in, &whole) || !libfprint_alone(l, &libfprint))
		return false;
	if (!let_in) {
		p->missed++;
		return true;
	}
	series_add(&p->whole, whole / 1e3);
	series_add(&p->libfprint, libfprint / 1e3);
	series_add(&p->ours, (whole - libfprint) / 1e3);
	return true;
}

static bool enrol(struct lab *l, const struct person *p)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };

	if (office_add(&l->h, p->login, p->uid) != KM_OK ||
	    office_enrol(&l->h, p->login, &otp, NULL) != KM_OK)
		return false;
	for (unsigned i = 0; i < p->fingers; i++)
		if (finger_enrol(&l->h, p->login, fingers[i], p->first + i, NULL) != 0)
			return false;
	return true;
}

static void report(struct person *p)
{
	struct row row = { 0 };

	TEXT(row.figure, "%s", p->figure);
	TEXT(row.value, "%.1f ms", median(&p->ours));
	TEXT(row.beside, "of %.1f ms; libfprint %.1f; %u of %d missed", median(&p->whole),
	     median(&p->libfprint), p->missed, ROUNDS);
	TEXT(row.target, "< %u ms", p->target_ms);
	row.met = median(&p->ours) < p->target_ms ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
}

static bool measure(struct lab *l, struct person *p, size_t people)
{
	for (size_t i = 0; i < people; i++)
		if (!enrol(l, &p[i]))
			return false;
	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < people; i++)
			if (!round_of(l, &p[i], round))
				return false;
	for (size_t i = 0; i < people; i++)
		report(&p[i]);
	memory_row(&l->h, "kenmon-sensor", "sensor, capturing", 48);
	memory_row(&l->h, "kenmon-matcher", "matcher, ten fingers", 16);
	return true;
}

void bench_finger(struct benches *b)
{
	struct person people[] = {
		{ .uid = ACCOUNT_UID,
		  .first = 201,
		  .fingers = 2,
		  .target_ms = 15,
		  .figure = "picture to verdict, two fingers" },
		{ .uid = account_flight_uid(0),
		  .first = 301,
		  .fingers = FINGERS,
		  .target_ms = 60,
		  .figure = "picture to verdict, ten fingers" },
	};
	struct lab *l = calloc(1, sizeof(*l));
	bool ok = l != NULL;

	(void)b;
	say("fingers: enrolling twelve, then %d logins of two people", ROUNDS);
	TEXT(people[0].login, ACCOUNT_ONE);
	account_flight(0, people[1].login);
	if (ok)
		snprintf(l->path, sizeof(l->path), "/tmp/kenmon-scanner-%d", getpid());
	ok = ok && finger_house(&l->h, NULL, false) && scanner_start(&l->scanner, l->path) &&
	     measure(l, people, 2);
	if (!ok)
		row_failed("picture to verdict", "an enrolment or a login failed");
	if (l && l->scanner.pid > 0)
		scanner_end(&l->scanner);
	office_close();
	if (l)
		house_end(&l->h);
	finger_house_end();
	for (size_t i = 0; i < 2; i++) {
		series_free(&people[i].ours);
		series_free(&people[i].whole);
		series_free(&people[i].libfprint);
	}
	free(l);
}
