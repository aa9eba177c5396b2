/* What is owed to the erased stays owed until a KEK under which they were is gone. */
#include "store_box.h"

#include <kenmon/log.h>
#include <kenmon/store_epoch.h>

#include "../../authd/vault/vault.h"

#define SEED "canary-seed-value-0X"

struct debtor {
	struct box box;
	struct vault v;
};

static void use_box(struct debtor *d)
{
	d->v.store = d->box.s;
	d->v.keys = d->box.keys;
	store_set_now(d->v.store, &d->v.now);
	assert_int_equal(check_init(&d->v), KM_OK);
	epoch_look(&d->v);
}

static int setup(void **state)
{
	struct debtor *d = calloc(1, sizeof(*d));

	if (!d)
		return -1;
	km_log_open("test", NULL, LOG_EMERG);
	box_open(&d->box);
	d->v.judge = -1;
	d->v.anchored = true;
	for (size_t i = 0; i < VAULT_LINES; i++)
		d->v.line[i].fd = -1;
	d->v.now = d->box.now;
	km_conf_defaults(&d->v.conf);
	use_box(d);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct debtor *d = *state;

	box_close(&d->box);
	free(d);
	return 0;
}

static struct km_operator enrolled(struct debtor *d, const char *login)
{
	struct km_operator op = add(&d->box, login, login);

	enrol(&d->box, &op, SEED);
	assert_int_equal(store_flush(d->v.store), KM_OK);
	return op;
}

static void erase(struct debtor *d, const struct km_operator *op)
{
	struct km_event_record begun = event_of(KM_EVENT_ERASE_BEGUN, op->subject);

	assert_int_equal(store_erase_begin(d->v.store, op->subject, &by_hand, &begun), KM_OK);
	assert_int_equal(store_flush(d->v.store), KM_OK);
	d->v.erasing = true;
	erase_work(&d->v);
	assert_false(d->v.erasing);
}

/* Until nothing is left to do now. */
static void works(struct debtor *d)
{
	while (epoch_work(&d->v))
		d->v.notes = 0;
	d->v.notes = 0;
	assert_false(d->v.epoch.stuck);
	assert_int_equal(km_keys_older(d->v.keys), 0);
}

static void rotates(struct debtor *d, uint32_t generation)
{
	struct km_event_record asked = event_of(KM_EVENT_EPOCH_ASKED, NULL);

	assert_int_equal(store_epoch_ask(d->v.store, &asked), KM_OK);
	assert_int_equal(store_flush(d->v.store), KM_OK);
	epoch_look(&d->v);
	works(d);
	assert_int_equal(d->v.epoch.at.generation, generation);
}

static void test_a_kek_that_is_put_back_pays_for_no_erasure(void **state)
{
	struct debtor *d = *state;
	uint8_t kek[256];
	size_t len = get_file(box_path(&d->box, "kek.1"), kek, sizeof(kek));
	struct km_operator alice;

	rotates(d, 2);
	alice = enrolled(d, "alice");
	put_file(box_path(&d->box, "kek.1"), kek, len, 0600);
	box_again(&d->box);
	use_box(d);
	assert_int_equal(km_keys_older(d->v.keys), 1);
	erase(d, &alice);
	works(d);
	assert_false(is_there(box_path(&d->box, "kek.1")));
	/* Copies of today hold alice's key under kek.2, which is there. */
	assert_int_equal(d->v.epoch.at.generation, 2);
	assert_int_not_equal(d->v.epoch.at.owed, 0);
	assert_int_equal(d->v.epoch.at.closing, 0);
	rotates(d, 3);
	assert_int_equal(d->v.epoch.at.owed, 0);
}

/* Killed behind the end of that KEK: a closing written down would miss a kek.3 for ever. */
static void test_no_closing_is_written_down_for_a_kek_that_is_put_back(void **state)
{
	struct km_event_record closing = event_of(KM_EVENT_EPOCH_CLOSING, NULL);
	struct debtor *d = *state;
	uint8_t kek[256];
	size_t len = get_file(box_path(&d->box, "kek.1"), kek, sizeof(kek));

	rotates(d, 2);
	put_file(box_path(&d->box, "kek.1"), kek, len, 0600);
	box_again(&d->box);
	use_box(d);
	assert_int_equal(store_epoch_begin(d->v.store, &closing), KM_ESTATE);
	assert_int_equal(store_epoch_resume(d->v.store, &closing), KM_ESTATE);
	assert_int_equal(km_keys_retire(d->v.keys), KM_OK);
	box_again(&d->box);
	use_box(d);
	works(d);
	assert_int_equal(d->v.epoch.at.generation, 2);
}

/* A start that finds two KEKs does not know who was registered, and erased, between them. */
static void test_who_was_erased_before_a_begun_epoch_was_written_down_is_owed_another(void **state)
{
	struct debtor *d = *state;
	struct km_operator alice;

	assert_int_equal(km_keys_renew(d->v.keys), KM_OK); /* and the record of it fails */
	alice = enrolled(d, "alice");
	assert_int_equal(
	    sql_number(&d->box, DB_VAULT, "SELECT count(*) FROM subject_key WHERE kek_gen = 2"), 1);
	erase(d, &alice);
	works(d);
	assert_int_equal(d->v.epoch.at.generation, 2);
	assert_int_not_equal(d->v.epoch.at.owed, 0);
}

#define OWED_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWED_TEST(test_a_kek_that_is_put_back_pays_for_no_erasure),
		OWED_TEST(test_no_closing_is_written_down_for_a_kek_that_is_put_back),
		OWED_TEST(
		    test_who_was_erased_before_a_begun_epoch_was_written_down_is_owed_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
