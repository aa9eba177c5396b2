/*
 * The trail against somebody who has every key of today. Each test first shows
 * that the theft is well done: what can be told from here alone is content with
 * it, or names what the thief could not forge.
 */
#include "thief.h"

/* Two epochs with seals in both, and an anchor from each. */
struct history {
	struct box *b;
	struct km_anchor first, second;
	int64_t since, last; /* records: where the second epoch's signer took over, and the last */
};

static struct history history(struct box *b)
{
	struct history h = { .b = b };

	live(b, 20);
	live(b, 20);
	h.first = anchor(b);
	next_epoch(b);
	live(b, 20);
	h.second = anchor(b);
	live(b, 20);
	h.since = sql_number(b, DB_VAULT, "SELECT max(since_seq) FROM signer");
	h.last = sql_number(b, DB_VAULT, "SELECT max(seq) FROM audit");
	assert_true(h.since > 40 && h.last > h.since + 40);
	assert_int_equal(verified(b).bad, 0);
	return h;
}

static void holds(struct box *b, const struct km_anchor *a)
{
	char why[192] = "";

	if (store_anchor_check(b->s, a, why, sizeof(why)) != KM_OK)
		fail_msg("%s", why);
}

static void shows(struct box *b, const struct km_anchor *a, const char *what)
{
	char why[192] = "";

	assert_int_equal(store_anchor_check(b->s, a, why, sizeof(why)), KM_ECORRUPT);
	if (!strstr(why, what))
		fail_msg("'%s' instead of '%s'", why, what);
}

static void test_anchors_of_a_trail_that_is_as_it_was_hold(void **state)
{
	struct history h = history(*state);

	holds(h.b, &h.first);
	holds(h.b, &h.second);
	box_again(h.b);
	next_epoch(h.b);
	holds(h.b, &h.first);
	holds(h.b, &h.second);
}

static void test_a_tail_cut_off_with_all_keys_shows_by_an_anchor(void **state)
{
	struct history h = history(*state);
	char text[100];

	thief_begins(h.b);
	(void)snprintf(text, sizeof(text),
		       "DELETE FROM audit WHERE seq > %d; DELETE FROM seal WHERE seq > %d",
		       (int)h.since + 5, (int)h.since + 5);
	sql(h.b, DB_VAULT, text);
	forge_head(h.b, h.since + 5);
	done_and_restarted(h.b);
	assert_int_equal(verified(h.b).bad, 0);
	holds(h.b, &h.first);
	shows(h.b, &h.second, "its end was cut off, or the database was put back");
}

static void test_a_tail_cut_off_with_its_seals_left_shows_by_them(void **state)
{
	struct history h = history(*state);
	char text[100];

	thief_begins(h.b);
	(void)snprintf(text, sizeof(text), "DELETE FROM audit WHERE seq > %d", (int)h.since + 5);
	sql(h.b, DB_VAULT, text);
	forge_head(h.b, h.since + 5);
	done_and_restarted(h.b);
	assert_non_null(strstr(verified(h.b).why, "which was sealed, is missing"));
}

static void test_a_tail_cut_off_into_an_earlier_epoch_shows_by_the_signer(void **state)
{
	struct history h = history(*state);

	thief_begins(h.b);
	sql(h.b, DB_VAULT, "DELETE FROM audit WHERE seq > 30; DELETE FROM seal WHERE seq > 30");
	forge_head(h.b, 30);
	done_and_restarted(h.b);
	assert_non_null(strstr(verified(h.b).why, "signer of generation 2 took over, is missing"));
	shows(h.b, &h.first, "its end was cut off");
}

static void copy_databases(const struct box *b, const char *to, bool back)
{
	static const char *const names[] = { "vault.db", "identity.db" };
	static char bytes[1 << 22];

	for (size_t i = 0; i < 2; i++) {
		char here[200], there[200];

		(void)snprintf(here, sizeof(here), "%s", box_path(b, names[i]));
		(void)snprintf(there, sizeof(there), "%s/%s", to, names[i]);
		put_file(back ? here : there, bytes,
			 get_file(back ? there : here, bytes, sizeof(bytes)), 0600);
	}
}

static void test_a_database_put_back_shows_by_an_anchor(void **state)
{
	struct box *b = *state;
	struct km_anchor before, after;

	live(b, 20);
	before = anchor(b);
	box_shut(b);
	copy_databases(b, b->other, false);
	assert_int_equal(box_try(b), KM_OK);
	live(b, 20);
	after = anchor(b);
	box_shut(b);
	copy_databases(b, b->other, true);
	assert_int_equal(box_try(b), KM_OK);
	assert_int_equal(verified(b).bad, 0);
	holds(b, &before);
	shows(b, &after, "the trail ends at record 20, but record 40 was written down before");
	/* Nor does it help to let the old one grow on. */
	live(b, 30);
	assert_int_equal(verified(b).bad, 0);
	shows(b, &after, "record 40 is not the one that was written down");
}

static void test_a_takeover_moved_with_the_rewritten_chain_shows_by_its_signature(void **state)
{
	struct history h = history(*state);

	thief_begins(h.b);
	forge_records(h.b, 25, h.last);
	forge_seals(h.b);
	sql(h.b, DB_VAULT,
	    "UPDATE signer SET since_hash = (SELECT hash FROM audit WHERE seq = since_seq) "
	    "WHERE since_seq > 0");
	done_and_restarted(h.b);
	assert_non_null(strstr(verified(h.b).why, "not signed by its predecessor"));
	shows(h.b, &h.first, "the trail was rewritten at or before it");
}

static void test_a_chain_rewritten_before_this_epoch_shows_by_the_signer(void **state)
{
	struct history h = history(*state);
	struct km_verify v;

	thief_begins(h.b);
	forge_records(h.b, 25, h.last);
	forge_seals(h.b);
	sql(h.b, DB_VAULT, "DELETE FROM seal WHERE generation = 1");
	done_and_restarted(h.b);
	v = verified(h.b);
	assert_int_equal(v.bad, h.since);
	assert_non_null(strstr(v.why, "took over: the trail was rewritten at or before it"));
	shows(h.b, &h.first, "the trail was rewritten at or before it");
	shows(h.b, &h.second, "the trail was rewritten at or before it");
}

/* With the private part of an earlier signer gone, its seals can only be what they are. */
static void test_a_seal_of_an_earlier_epoch_that_no_longer_fits_is_named(void **state)
{
	struct history h = history(*state);
	struct km_verify v = { 0 };

	thief_begins(h.b);
	forge_records(h.b, 25, h.last);
	v.part = KM_VERIFY_SEALS;
	while (!v.finished)
		assert_int_equal(store_audit_verify(h.b->s, &v, 17), KM_OK);
	assert_int_equal(v.bad, 40);
	assert_string_equal(v.why, "record 40 is not the one that was sealed: the trail was "
				   "rewritten after record 20, at or before this one");
	store_undo(h.b->s);
}

static void test_a_chain_rewritten_in_this_epoch_shows_by_an_anchor(void **state)
{
	struct history h = history(*state);

	thief_begins(h.b);
	forge_records(h.b, h.since + 3, h.last);
	forge_seals(h.b);
	done_and_restarted(h.b);
	assert_int_equal(verified(h.b).bad, 0);
	holds(h.b, &h.first);
	shows(h.b, &h.second, "the trail was rewritten at or before it");
}

/* A signer of their own from the first record on. */
static void forge_signers(struct box *b)
{
	struct km_head head = b->s->at.head;

	sql(b, DB_VAULT, "DELETE FROM signer; DELETE FROM seal");
	signer_forget(b->s);
	b->s->at.head.seq = 0;
	assert_int_equal(chain_first(b->s, head.chain, b->s->at.head.hash), KM_OK);
	assert_int_equal(signer_begin(b->s), KM_OK);
	b->s->at.head = head;
}

/* The same, of the generation whose KEK is gone: a key needs no wrapping to have signed. */
static void forge_first_signer(struct box *b)
{
	struct km_subject_key seed = { { 7 } };
	uint8_t public[32], signature[64], none[32], bytes[108] = "kenmon signer 1";

	assert_int_equal(sign_public(&seed, public), KM_OK);
	assert_int_equal(chain_first(b->s, b->s->at.head.chain, none), KM_OK);
	memcpy(bytes + 16, b->s->at.head.chain, 16);
	bytes[35] = 1;
	memcpy(bytes + 36, public, 32);
	memcpy(bytes + 76, none, 32);
	assert_int_equal(sign_bytes(&seed, bytes, sizeof(bytes), signature), KM_OK);
	sql(b, DB_VAULT,
	    "DELETE FROM signer; DELETE FROM seal;"
	    "INSERT INTO signer (generation, public, since_seq, since_hash, signature, wrapped) "
	    "VALUES (1, x'', 0, x'', x'', zeroblob(48))");
	put_blob(b, "UPDATE signer SET public = ?1 WHERE generation = ?2", public, 32, 1);
	put_blob(b, "UPDATE signer SET since_hash = ?1 WHERE generation = ?2", none, 32, 1);
	put_blob(b, "UPDATE signer SET signature = ?1 WHERE generation = ?2", signature, 64, 1);
}

static void test_a_chain_rewritten_with_signers_made_anew_shows_by_an_anchor(void **state)
{
	struct history h = history(*state);
	struct km_signer was, is;
	size_t count;

	assert_int_equal(store_signers(h.b->s, 0, 1, &was, &count), KM_OK);
	thief_begins(h.b);
	forge_records(h.b, 25, h.last);
	forge_signers(h.b);
	done_and_restarted(h.b);
	assert_int_equal(verified(h.b).bad, 0);
	assert_int_equal(store_signers(h.b->s, 0, 1, &is, &count), KM_OK);
	assert_memory_not_equal(is.public, was.public, sizeof(is.public)); /* what was noted */
	shows(h.b, &h.first, "the signer of generation 1 is not known here");
	shows(h.b, &h.second, "the signer of generation 2 is another one here");
}

static void test_a_first_signer_made_anew_shows_by_an_anchor(void **state)
{
	struct history h = history(*state);

	thief_begins(h.b);
	forge_first_signer(h.b);
	assert_int_equal(verified(h.b).bad, 0);
	shows(h.b, &h.first, "the signer of generation 1 is another one here");
	store_undo(h.b->s);
}

static void test_an_anchor_that_was_changed_does_not_accuse_the_trail(void **state)
{
	struct history h = history(*state);
	struct km_anchor a;
	uint8_t *part[] = { a.chain, a.hash, a.public, a.signature };

	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++) {
		a = h.second;
		part[i][3] ^= 1;
		shows(h.b, &a, "the line itself was changed");
	}
	a = h.second;
	a.seq++;
	shows(h.b, &a, "the line itself was changed");
	a = h.second;
	a.wall++;
	shows(h.b, &a, "the line itself was changed");
	a = h.second;
	a.generation = 0; /* "nobody could sign" is no way around the signature */
	shows(h.b, &a, "the line itself was changed");
}

static void test_an_anchor_of_another_trail_is_said_to_be_one(void **state)
{
	struct history h = history(*state);
	struct km_anchor foreign;
	struct box other;

	box_open(&other);
	live(&other, 3);
	foreign = anchor(&other);
	box_close(&other);
	shows(h.b, &foreign, "the audit trail is another one");
}

#define ATTACK_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK_TEST(test_anchors_of_a_trail_that_is_as_it_was_hold),
		ATTACK_TEST(test_a_tail_cut_off_with_all_keys_shows_by_an_anchor),
		ATTACK_TEST(test_a_tail_cut_off_with_its_seals_left_shows_by_them),
		ATTACK_TEST(test_a_tail_cut_off_into_an_earlier_epoch_shows_by_the_signer),
		ATTACK_TEST(test_a_database_put_back_shows_by_an_anchor),
		ATTACK_TEST(test_a_takeover_moved_with_the_rewritten_chain_shows_by_its_signature),
		ATTACK_TEST(test_a_chain_rewritten_before_this_epoch_shows_by_the_signer),
		ATTACK_TEST(test_a_seal_of_an_earlier_epoch_that_no_longer_fits_is_named),
		ATTACK_TEST(test_a_chain_rewritten_in_this_epoch_shows_by_an_anchor),
		ATTACK_TEST(test_a_chain_rewritten_with_signers_made_anew_shows_by_an_anchor),
		ATTACK_TEST(test_a_first_signer_made_anew_shows_by_an_anchor),
		ATTACK_TEST(test_an_anchor_that_was_changed_does_not_accuse_the_trail),
		ATTACK_TEST(test_an_anchor_of_another_trail_is_said_to_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
