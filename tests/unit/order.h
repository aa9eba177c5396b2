/* The decision that most tests erase by. */
#ifndef KENMON_TEST_ORDER_H
#define KENMON_TEST_ORDER_H

#include <kenmon/people.h>
#include <kenmon/store.h>

static const struct km_erase_order by_hand = { .cause = KM_CAUSE_BY_HAND };

#endif
