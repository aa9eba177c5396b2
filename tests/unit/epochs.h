/* The key epoch is closed, as epoch.c does it: in a store without the rest of a vault. */
#ifndef KENMON_TESTS_EPOCHS_H
#define KENMON_TESTS_EPOCHS_H

#include <kenmon/store_epoch.h>

#include "store_box.h"

/* But for its end: everything is under the next KEK, and the one before is gone. */
static inline void epoch_rewrap(struct box *b)
{
	struct km_event_record closing = event_of(KM_EVENT_EPOCH_CLOSING, NULL);
	struct km_rewrap at = { 0 };

	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(store_epoch_begin(b->s, &closing), KM_OK);
	while (!at.finished)
		assert_int_equal(store_epoch_slice(b->s, &at), KM_OK);
	assert_int_equal(at.damaged, 0);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	assert_int_equal(km_keys_retire(b->keys), KM_OK);
}

static inline void next_epoch(struct box *b)
{
	struct km_event_record closed = event_of(KM_EVENT_EPOCH_CLOSED, NULL);

	epoch_rewrap(b);
	assert_int_equal(store_epoch_end(b->s, &closed), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
}

#endif
