/* The file that smstools takes, and its name. */
#ifndef KENMON_COURIER_SPOOL_H
#define KENMON_COURIER_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver.h"

#define SPOOL_HEAD_MAX 128
#define SPOOL_FILE_MAX (SPOOL_HEAD_MAX + 2 * KM_ORDER_TEXT)
#define SPOOL_TAG_MAX  32
#define SPOOL_NAME_MAX 64

/*
 * Headers and text: ASCII as it is, anything else in UCS-2 (of characters beyond it, pairs),
 * big-endian. False, and *len untouched: the text is no UTF-8.
 */
KM_MUST_CHECK bool spool_file(const struct courier_order *o, uint8_t out[SPOOL_FILE_MAX],
			      size_t *len);

/* "kenmon-TAG-ID": tag, of hex digits, is another at each start. And the way back; false: not ours.
 */
void spool_name(const char *tag, uint64_t id, char out[SPOOL_NAME_MAX]);
KM_MUST_CHECK bool spool_name_parse(const char *name, const char *tag, uint64_t *id);

/* Anybody's of this kind, this start's or another's, also under its temporary name (a dot before
 * it). */
KM_MUST_CHECK bool spool_name_is_kenmons(const char *name);

#endif
