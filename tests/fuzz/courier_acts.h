/* Acts of the courier's fuzzer in files of their own. Each takes all that is left of the input. */
#ifndef KENMON_FUZZ_COURIER_ACTS_H
#define KENMON_FUZZ_COURIER_ACTS_H

#include "fuzz.h"

void courier_orders_begin(void);
void courier_give_orders(const uint8_t *bytes, size_t len);

void courier_runner_begin(void);
void courier_ask_runner(const uint8_t *bytes, size_t len);

#endif
