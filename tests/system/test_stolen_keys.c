/*
 * Real rooms on files that somebody changed who has every key of today and can
 * write the judge's notes too: nothing on this machine notices, and a start is as
 * any other. What was kept elsewhere, or signed in an earlier key epoch, tells.
 */
#include "house_office.h"

#include <security/pam_appl.h>

#include "../unit/thief.h"

#define RECORDS 12

static struct house_out o; /* what the last command said */

/* --- the scene ----------------------------------------------------------------------- */

struct scene {
	struct house house;
	char anchors[HOUSE_PATH + 32], kept[HOUSE_PATH + 32]; /* the judge's file, and a copy */
	int64_t since,
	    last; /* records: after which the second epoch's signer signs, and the last */
};

static void refusals(struct scene *s)
{
	for (unsigned i = 0; i < RECORDS; i++)
		assert_int_not_equal(office_try(&s->house, "daemon", "000000"), PAM_SUCCESS);
}

static void copy_lines(const char *from, const char *to)
{
	static char bytes[1 << 20];

	put_file(to, bytes, get_file(from, bytes, sizeof(bytes)), 0600);
}

/* Two key epochs, records in both, every head of the judge's kept. The house is stopped. */
static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct house *h = &s->house;

	*state = s;
	if (!s || !office_house(h, "[lockout]\nafter = 10\n") ||
	    !office_totp_operator(h, "daemon", 1))
		return -1;
	snprintf(s->anchors, sizeof(s->anchors), "%s/judge/anchor", h->state);
	snprintf(s->kept, sizeof(s->kept), "%s/kept", h->dir);
	refusals(s);
	office_close();
	if (house_desk(h, NULL, NULL, "key", "rotate", "--yes", NULL) != 0)
		return -1;
	refusals(s);
	office_close();
	if (!house_stop(h))
		return -1;
	copy_lines(s->anchors, s->kept);
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	house_out_free(&o);
	office_close();
	if (s)
		house_end(&s->house);
	free(s);
	return 0;
}

/* The vault's folder and keys, in the hands of somebody else. */
static void thief_opens(struct scene *s, struct box *b)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "%.50s/vault", s->house.state);
	snprintf(b->key, sizeof(b->key), "%s/master.key", b->dir);
	assert_int_equal(km_clock_read(&b->now), KM_OK);
	assert_int_equal(box_try(b), KM_OK);
	s->since = sql_number(b, DB_VAULT, "SELECT max(since_seq) FROM signer");
	s->last = sql_number(b, DB_VAULT, "SELECT max(seq) FROM audit");
	assert_true(s->since > RECORDS && s->last > s->since + RECORDS);
	thief_begins(b);
}

/* Leaves everything as a vault would, and the judge's last line too: signed by the stolen key. */
static void thief_leaves(struct scene *s, struct box *b)
{
	char line[KM_ANCHOR_LINE], text[KM_ANCHOR_LINE + 1];
	struct km_anchor a;

	done_and_restarted(b);
	a = anchor(b);
	box_shut(b);
	km_anchor_format(&a, line);
	snprintf(text, sizeof(text), "%s\n", line);
	put_file(s->anchors, text, strlen(text), 0600);
}

static void nothing_is_noticed_here(struct scene *s)
{
	const struct house *h = &s->house;

	assert_true(house_again(&s->house));
	house_out_free(&o);
	assert_int_equal(house_desk(h, &o, NULL, "status", NULL), 0);
	/* A build without walls alarms for that. */
	assert_int_equal(strstr(o.out, "ALARM") != NULL, built_open);
	house_out_free(&o);
	assert_int_equal(house_desk(h, &o, NULL, "audit", "verify", "--anchor", s->anchors, NULL),
			 0);
}

static void verify_says(struct scene *s, const char *with, const char *what)
{
	house_out_free(&o);
	assert_int_equal(house_desk(&s->house, &o, NULL, "audit", "verify",
				    with ? "--anchor" : NULL, with, NULL),
			 1);
	if (!strstr(o.err, what))
		fail_msg("'%s' instead of '%s'", o.err, what);
}

/* --- what they do ------------------------------------------------------------------------ */

static void test_a_cut_tail_shows_by_what_was_kept(void **state)
{
	struct scene *s = *state;
	struct box b;
	char text[100];

	thief_opens(s, &b);
	(void)snprintf(text, sizeof(text),
		       "DELETE FROM audit WHERE seq > %d; DELETE FROM seal WHERE seq > %d",
		       (int)s->since + 2, (int)s->since + 2);
	sql(&b, DB_VAULT, text);
	forge_head(&b, s->since + 2);
	thief_leaves(s, &b);
	nothing_is_noticed_here(s);
	verify_says(s, s->kept, "anchor in line ");
}

static void test_a_chain_rewritten_in_this_epoch_shows_by_what_was_kept(void **state)
{
	struct scene *s = *state;
	struct box b;

	thief_opens(s, &b);
	forge_records(&b, s->since + 2, s->last);
	forge_seals(&b);
	thief_leaves(s, &b);
	nothing_is_noticed_here(s);
	verify_says(s, s->kept, "the trail was rewritten at or before it");
}

static void test_a_chain_rewritten_before_this_epoch_shows_without_anything_kept(void **state)
{
	struct scene *s = *state;
	struct box b;

	thief_opens(s, &b);
	forge_records(&b, 5, s->last);
	forge_seals(&b);
	sql(&b, DB_VAULT, "DELETE FROM seal WHERE generation = 1");
	thief_leaves(s, &b);
	assert_true(house_again(&s->house));
	verify_says(s, NULL, "took over: the trail was rewritten at or before it");
}

#define THEFT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		THEFT_TEST(test_a_cut_tail_shows_by_what_was_kept),
		THEFT_TEST(test_a_chain_rewritten_in_this_epoch_shows_by_what_was_kept),
		THEFT_TEST(test_a_chain_rewritten_before_this_epoch_shows_without_anything_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
