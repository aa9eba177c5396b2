/* A house for the system tests: the scene of a roster that is handed in and worked off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <kenmon/people.h>
#include <kenmon/secret.h>

#include "house_scenes.h"

#define POLL_MS 10
#define POLLS   2000 /* twenty seconds: a start, and what waits a second after a failure */

struct sheet {
	uint8_t bytes[1024];
	size_t len;
	uint32_t rows, left;
};

static void put(struct sheet *t, uint64_t value, unsigned width)
{
	while (width-- > 0)
		t->bytes[t->len++] = (uint8_t)(value >> (8 * width));
}

static void put_text(struct sheet *t, const char *text)
{
	size_t len = strlen(text);

	put(t, len, 2);
	memcpy(t->bytes + t->len, text, len);
	t->len += len;
}

/* The person of a run: "Run-4" is who joined in the fourth. */
static void put_row(struct sheet *t, unsigned run, const char *name, unsigned status)
{
	char text[32];

	t->left += status == KM_ROSTER_RETIRED;
	put(t, ++t->rows, 4);
	put(t, status, 1);
	put(t, UINT64_MAX, 8); /* no day */
	put(t, UINT64_MAX, 8);
	snprintf(text, sizeof(text), "Run-%u", run);
	put_text(t, text);
	snprintf(text, sizeof(text), "run%u", run);
	put_text(t, text);
	put_text(t, name);
	put_text(t, "Records");
	for (unsigned i = 0; i < 3; i++)
		put_text(t, "");
}

static km_rc step(struct stage *s, struct km_msg *m)
{
	return office_do(&s->h, m, NULL);
}

static km_rc begin(struct stage *s, uint32_t rows, unsigned digest)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_BEGIN };

	memset(m.roster_begin.digest, (int)digest, sizeof(m.roster_begin.digest));
	m.roster_begin.digest[0] = (uint8_t)(digest >> 8);
	m.roster_begin.made = time(NULL);
	m.roster_begin.rows = rows;
	return step(s, &m);
}

static km_rc hand_in(struct stage *s, const struct sheet *t, unsigned digest)
{
	struct km_msg slice = { .number = KM_MSG_ROSTER_SLICE };
	struct km_msg end = { .number = KM_MSG_ROSTER_END };
	km_rc rc = begin(s, t->rows, digest);

	slice.roster_slice.rows = (struct km_span){ t->bytes, (uint16_t)t->len };
	end.roster_end.apply = 1;
	end.roster_end.erasures = t->left; /* after some runs the brake would hold it */
	if (rc == KM_OK)
		rc = step(s, &slice);
	return rc == KM_OK ? step(s, &end) : rc;
}

/* Nothing of a roster is under way any more: another one could be begun. */
static bool settled(struct stage *s)
{
	static const struct timespec pause = { 0, POLL_MS * 1000000L };
	km_rc rc = KM_EAGAIN;

	for (unsigned i = 0; i < POLLS && (rc == KM_EAGAIN || rc == KM_ESTATE); i++) {
		nanosleep(&pause, NULL);
		rc = begin(s, 1, 0);
		office_close();
	}
	return rc == KM_OK;
}

/* --- the scene -------------------------------------------------------------------------------- */

/* Two who are there: one is to leave, of the other the name is to change. */
void roster_before(struct stage *s)
{
	struct sheet t = { .len = 0 };

	s->number += 3;
	put_row(&t, s->number, "Will Leave", KM_ROSTER_ACTIVE);
	put_row(&t, s->number + 1, "Old Name", KM_ROSTER_ACTIVE);
	must(s, hand_in(s, &t, 2 * s->number) == KM_OK);
	must(s, settled(s));
	office_close();
}

static void write_sheet(const struct stage *s, struct sheet *t)
{
	memset(t, 0, sizeof(*t));
	put_row(t, s->number, "Will Leave", KM_ROSTER_RETIRED);
	put_row(t, s->number + 1, "New Name", KM_ROSTER_ACTIVE);
	put_row(t, s->number + 2, "Joined Now", KM_ROSTER_LEAVE);
}

void roster_act(struct stage *s)
{
	struct sheet t;

	write_sheet(s, &t);
	s->rc = hand_in(s, &t, 2 * s->number + 1);
	if (s->rc == KM_OK)
		(void)settled(s);
}

/* What became of one of the run: their state, 0 where there is nobody; the name must be this. */
static unsigned state_of(struct stage *s, unsigned run, const char *name)
{
	struct msg_operator_row row = { .state = 0 };
	char login[32];
	km_rc rc;

	snprintf(login, sizeof(login), "run%u", run);
	rc = office_operator(&s->h, login, &row);
	must(s, rc == KM_OK || rc == KM_ENOTFOUND);
	if (rc == KM_OK && row.state != KM_ERASING)
		must(s, strcmp(row.name, name) == 0);
	return rc == KM_OK ? row.state : 0;
}

static void must_be_done(struct stage *s)
{
	unsigned left = KM_ACTIVE;

	/* The erasure follows when the roster is worked off. */
	for (unsigned i = 0; i < POLLS && left != 0; i++) {
		static const struct timespec pause = { 0, POLL_MS * 1000000L };

		left = state_of(s, s->number, "Will Leave");
		nanosleep(&pause, NULL);
	}
	must(s, left == 0);
	must(s, state_of(s, s->number + 1, "New Name") == KM_ACTIVE);
	must(s, state_of(s, s->number + 2, "Joined Now") == KM_SUSPENDED);
}

void roster_taken_or_not(struct stage *s)
{
	bool taken;

	office_close();
	must(s, settled(s));
	taken = state_of(s, s->number + 2, "Joined Now") != 0;
	must(s, taken || s->rc != KM_OK);
	if (!taken) {
		must(s, state_of(s, s->number, "Will Leave") == KM_ACTIVE);
		must(s, state_of(s, s->number + 1, "Old Name") == KM_ACTIVE);
		roster_act(s);
		must(s, s->rc == KM_OK);
	}
	must_be_done(s);
	office_close();
}
