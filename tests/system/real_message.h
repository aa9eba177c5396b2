/*
 * A message with a code, as the vault writes it in Japanese with the longest code, and what a
 * telephone company must get of it: UCS-2, by iconv(3), not by what is tested.
 */
#ifndef KENMON_TESTS_REAL_MESSAGE_H
#define KENMON_TESTS_REAL_MESSAGE_H

#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/order.h>
#include <kenmon/texts.h>

#define REAL_UCS2 140 /* GSM 03.40: what one message can carry */

struct real_message {
	char text[KM_ORDER_TEXT + 1];
	uint8_t ucs2[REAL_UCS2];
	size_t len;
};

static inline struct real_message real_message(const char *code)
{
	struct real_message m = { .len = 0 };
	char *in = m.text, *out = (char *)m.ucs2;
	size_t left, room = sizeof(m.ucs2);
	iconv_t to = iconv_open("UTF-16BE", "UTF-8");

	km_text_filled(KM_TEXT_SMS_CODE, KM_LANG_JA, code, m.text, sizeof(m.text));
	left = strlen(m.text);
	assert_true(to != (iconv_t)-1);
	assert_int_equal(iconv(to, &in, &left, &out, &room), 0);
	iconv_close(to);
	m.len = sizeof(m.ucs2) - room;
	assert_in_range(m.len, 40, REAL_UCS2);
	return m;
}

/* So many bytes from there on, as Kannel's log has them, or as a modem is given them. */
static inline const char *real_message_hex(const struct real_message *m, size_t at, size_t count,
					   bool log, char out[REAL_UCS2 * 3 + 1])
{
	size_t used = 0;

	for (size_t i = at; i < m->len && i < at + count; i++)
		used += (size_t)sprintf(out + used, log ? "%02x " : "%02X", m->ucs2[i]);
	out[used] = '\0';
	return out;
}

#endif
