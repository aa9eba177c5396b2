/* Frames: what comes out of the decoder is what went in, and nothing else comes out at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/secret.h>
#include <kenmon/wire.h>

#define MUTATIONS 20000
#define PHASES    21

enum {
	GREET = KM_PHASE_GREET,
	REQUEST = KM_PHASE_REQUEST,
	WORKING = KM_PHASE_WORKING,
	ASKED = KM_PHASE_ASKED,
	HEARD_NOTHING = KM_PHASE_HEARD_NOTHING,
	TALK = KM_PHASE_TALK,
	LINK = KM_PHASE_LINK,
	OPENED = KM_PHASE_OPENED,
	JUDGE_LINK = KM_PHASE_JUDGE_LINK,
	OPENING = KM_PHASE_OPENING,
	CHECKING = KM_PHASE_CHECKING,
	DESK_IDLE = KM_PHASE_DESK_IDLE,
	DESK_ASKED = KM_PHASE_DESK_ASKED,
	DESK_TALK = KM_PHASE_DESK_TALK,
	SENSOR = KM_PHASE_SENSOR,
	SENSOR_LINK = KM_PHASE_SENSOR_LINK,
	PROBES = KM_PHASE_PROBES,
	GRANTS = KM_PHASE_GRANTS,
	MATCHER = KM_PHASE_MATCHER,
	ORDERS = KM_PHASE_ORDERS,
	COURIER = KM_PHASE_COURIER,
};

#define BETWEEN_ROOMS ((unsigned)LINK | OPENED | JUDGE_LINK | OPENING | CHECKING)

static const struct message {
	unsigned number, from, phases;
	size_t cap;
	const char *name;
} messages[] = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap)                                          \
	{ number, KM_FROM_##from, phases, cap, #NAME },
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define foreach(item, table)                                                                       \
	for (__typeof__(&(table)[0]) item = (table); item < (table) + COUNT(table); item++)

enum number_of {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) number_of_##name = (number),
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

enum kind { U8, U16, U32, U64, I64, BYTES, STR, SECRET, SLOTS, SPAN };

static const struct field {
	unsigned number;
	enum kind kind;
	size_t offset, size, limit;
} fields[] = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap)
#define KM_FIELD(name, kind, field, limit)                                                         \
	{ number_of_##name, kind, offsetof(struct km_msg, name.field),                             \
	  sizeof(((struct km_msg *)0)->name.field), limit },
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

static uint8_t filler[KM_FRAME_MAX]; /* what the spans of a filled message show */

static struct km_span *span_of(struct km_msg *m, const struct field *f)
{
	return (struct km_span *)(void *)((uint8_t *)m + f->offset);
}

static void fill_field(struct km_msg *m, const struct field *f)
{
	uint8_t *at = (uint8_t *)m + f->offset;
	struct km_secret *secret = (struct km_secret *)(void *)at;
	struct km_slots *slots = (struct km_slots *)(void *)at;

	if (f->kind == STR) {
		memset(at, 'x', f->limit);
	} else if (f->kind == SECRET) {
		secret->len = (uint16_t)f->limit;
		memset(secret->bytes, 0x80, f->limit); /* a secret need not be text */
	} else if (f->kind == SLOTS) {
		slots->count = (uint8_t)f->limit;
		for (size_t i = 0; i < f->limit; i++)
			slots->slot[i] = (struct km_slot){ (uint8_t)i, (uint16_t)(0x0102 + i) };
	} else if (f->kind == SPAN) {
		for (size_t i = 0; i < f->limit; i++)
			filler[i] = (uint8_t)(0x80 + i % 127);
		span_of(m, f)->bytes = filler;
		span_of(m, f)->len = (uint16_t)f->limit;
	} else {
		for (size_t i = 0; i < f->size; i++)
			at[i] = (uint8_t)(0xF0 + i);
	}
}

/* A message with every field at its limit. */
static void fill(struct km_msg *m, const struct message *row)
{
	memset(m, 0, sizeof(*m));
	m->number = (uint8_t)row->number;
	m->session = row->phases & BETWEEN_ROOMS ? 0x01020304 : 0;
	foreach (f, fields)
		if (f->number == row->number)
			fill_field(m, f);
}

static size_t filled_frame(uint8_t frame[KM_FRAME_MAX], const struct message *row)
{
	struct km_msg m;
	size_t len = 0;

	fill(&m, row);
	assert_int_equal(km_encode(&m, frame, KM_FRAME_MAX, &len), KM_OK);
	return len;
}

/* A span lies within the frame it came in; from here on it shows the same bytes in another copy. */
static void move_spans(struct km_msg *m, const uint8_t *from, size_t len, const uint8_t *to)
{
	foreach (f, fields) {
		struct km_span *span = span_of(m, f);

		if (f->number != m->number || f->kind != SPAN || span->len == 0)
			continue;
		assert_true(span->bytes >= from + KM_FRAME_HEADER + 2);
		assert_true(span->bytes + span->len <= from + len);
		span->bytes = to + (span->bytes - from);
	}
}

/* Spans by what they show, everything else by its bytes. */
static void assert_same(struct km_msg a, struct km_msg b)
{
	foreach (f, fields) {
		struct km_span *x = span_of(&a, f), *y = span_of(&b, f);

		if (f->number != a.number || f->kind != SPAN)
			continue;
		assert_int_equal(x->len, y->len);
		if (x->len)
			assert_memory_equal(x->bytes, y->bytes, x->len);
		else
			assert_true(!x->bytes && !y->bytes);
		memset(x, 0, sizeof(*x));
		memset(y, 0, sizeof(*y));
	}
	assert_memory_equal(&a, &b, sizeof(a));
}

/* Decodes out of memory of exactly that size, so that a sanitizer sees one byte too many. */
static km_rc decode_exactly(const uint8_t *frame, size_t len, unsigned from, unsigned phases,
			    struct km_msg *m)
{
	uint8_t *copy = test_malloc(len ? len : 1);
	km_rc rc;

	memcpy(copy, frame, len);
	memset(m, 0xA5, sizeof(*m));
	rc = km_decode(copy, len, from, phases, m);
	if (rc == KM_OK)
		move_spans(m, copy, len, frame);
	test_free(copy);
	return rc;
}

static void assert_refused(const uint8_t *frame, size_t len, unsigned from, unsigned phases)
{
	static const struct km_msg zero;
	struct km_msg m;

	assert_int_equal(decode_exactly(frame, len, from, phases, &m), KM_EPROTO);
	assert_memory_equal(&m, &zero, sizeof(m));
}

static uint8_t frame[KM_FRAME_MAX];

static void test_every_message_survives_the_wire_with_every_field_at_its_limit(void **state)
{
	(void)state;
	foreach (row, messages) {
		struct km_msg in, out;
		size_t len = filled_frame(frame, row);

		fill(&in, row);
		assert_true(len <= KM_FRAME_HEADER + row->cap);
		assert_int_equal(decode_exactly(frame, len, row->from, row->phases, &out), KM_OK);
		assert_same(in, out);
	}
}

static void test_every_message_survives_the_wire_empty(void **state)
{
	(void)state;
	foreach (row, messages) {
		struct km_msg in = { .number = (uint8_t)row->number }, out;
		size_t len = 0;

		assert_int_equal(km_encode(&in, frame, sizeof(frame), &len), KM_OK);
		assert_int_equal(decode_exactly(frame, len, row->from, row->phases, &out), KM_OK);
		assert_same(in, out);
	}
}

static void test_a_frame_looks_as_the_table_says(void **state)
{
	static const uint8_t hello[] = { 1, 0, 0, 0, 0, 2, 0x01, 0x02, 0x03, 0x04 };
	struct km_msg m = { .number = KM_MSG_HELLO };
	size_t len = 0;

	(void)state;
	m.hello.kind = KM_CLIENT_DESK;
	m.hello.oldest = 0x0102;
	m.hello.newest = 0x0304;
	assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_OK);
	assert_int_equal(len, sizeof(hello));
	assert_memory_equal(frame, hello, sizeof(hello));
}

static void test_every_frame_cut_short_is_refused(void **state)
{
	(void)state;
	foreach (row, messages) {
		size_t len = filled_frame(frame, row);

		for (size_t cut = 0; cut < len; cut++)
			assert_refused(frame, cut, row->from, row->phases);
	}
}

static void test_one_byte_after_a_frame_is_refused(void **state)
{
	(void)state;
	foreach (row, messages) {
		size_t len = filled_frame(frame, row);

		frame[len] = 0;
		assert_refused(frame, len + 1, row->from, row->phases);
	}
}

static void test_a_message_passes_only_from_its_party_and_in_its_phase(void **state)
{
	static const unsigned parties[] = { KM_FROM_DOOR,   KM_FROM_DESK,   KM_FROM_JUDGE,
					    KM_FROM_VAULT,  KM_FROM_SENSOR, KM_FROM_MATCHER,
					    KM_FROM_COURIER };
	size_t points = 0;

	(void)state;
	foreach (row, messages) {
		size_t len = filled_frame(frame, row);

		for (unsigned phase = 0; phase < PHASES; phase++)
			foreach (party, parties) {
				struct km_msg m;
				bool fits = (row->from & *party) && (row->phases & (1u << phase));

				points++;
				if (!fits)
					assert_refused(frame, len, *party, 1u << phase);
				else
					assert_int_equal(
					    decode_exactly(frame, len, *party, 1u << phase, &m),
					    KM_OK);
			}
		assert_refused(frame, len, 0, ~0u);
		assert_refused(frame, len, ~0u, 0);
	}
	assert_int_equal(points, COUNT(messages) * PHASES * COUNT(parties));
	assert_int_equal(KM_PHASE_COURIER, 1u << (PHASES - 1));
}

static void test_a_number_that_is_no_message_is_refused(void **state)
{
	(void)state;
	for (unsigned number = 0; number < 256; number++) {
		uint8_t bytes[KM_FRAME_HEADER] = { (uint8_t)number };

		if (strcmp(km_message_name(number), "?") == 0)
			assert_refused(bytes, sizeof(bytes), ~0u, ~0u);
	}
	assert_string_equal(km_message_name(KM_MSG_LOGIN), "LOGIN");
	assert_string_equal(km_message_name(KM_MSG_NONE), "?");
	assert_string_equal(km_message_name(256 + KM_MSG_LOGIN), "?");
}

static void test_only_judge_and_vault_number_their_sessions(void **state)
{
	(void)state;
	foreach (row, messages) {
		struct km_msg m;
		size_t len = filled_frame(frame, row);

		frame[4] ^= 0xFF;
		if (row->phases & BETWEEN_ROOMS)
			assert_int_equal(decode_exactly(frame, len, ~0u, ~0u, &m), KM_OK);
		else
			assert_refused(frame, len, ~0u, ~0u);
	}
}

static void test_text_that_is_not_plain_is_refused_in_every_string(void **state)
{
	static const char *const bad[] = {
		"Q\nQ",         "Q\rQ",         "Q\033Q",       "Q\177Q",       "\302\205Q",
		"\342\200\250", "\342\200\256", "\342\200\213", "\342\201\246", "\357\273\277",
		"\355\240\200", "\300\200Q",    "\340\200\200", "Q\377Q",       "QQ\303",
	};
	size_t strings = 0;

	(void)state;
	foreach (f, fields) {
		struct km_msg m = { .number = (uint8_t)f->number };
		size_t len = 0;
		uint8_t *at;

		if (f->kind != STR)
			continue;
		strings++;
		memcpy((char *)&m + f->offset, "QQQ", 3);
		assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_OK);
		at = memmem(frame, len, "QQQ", 3);
		assert_non_null(at);
		foreach (text, bad) {
			memcpy(at, *text, 3);
			assert_refused(frame, len, ~0u, ~0u);
			memcpy((char *)&m + f->offset, *text, 3);
			assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_EINVAL);
			memcpy((char *)&m + f->offset, "QQQ", 3);
			assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_OK);
		}
		memcpy(at, "Q\0Q", 3); /* what follows a zero byte would be hidden from strcmp */
		assert_refused(frame, len, ~0u, ~0u);
	}
	assert_true(strings > 30);
}

static void test_a_length_above_the_limit_is_refused_even_when_the_bytes_are_there(void **state)
{
	struct km_msg m = { .number = KM_MSG_DESK };
	size_t len = 0;

	(void)state;
	memset(frame, 'x', sizeof(frame));
	memcpy(frame, (uint8_t[]){ KM_MSG_ANSWER, 0, 0, 0, 0, 0x01, 0x01 }, 7);
	assert_refused(frame, 7 + 257, ~0u, ~0u);
	memcpy(frame, (uint8_t[]){ KM_MSG_STATUS_ROW, 0, 0, 0, 0, 0, 65 }, 7);
	memcpy(frame + 7 + 65, (uint8_t[]){ 0, 0, 0 }, 3);
	assert_refused(frame, 7 + 65 + 3, ~0u, ~0u);
	memset(frame, 0, sizeof(frame));
	memcpy(frame, (uint8_t[]){ KM_MSG_PLAN, 0, 0, 0, 0, KM_SLOTS_MAX + 1 }, 6);
	assert_refused(frame, 6 + 7 * (KM_SLOTS_MAX + 1), ~0u, ~0u);
	memcpy(frame, (uint8_t[]){ KM_MSG_PROBE }, 1);
	memcpy(frame + KM_FRAME_HEADER + 2 + 16, (uint8_t[]){ 1203 >> 8, 1203 & 0xFF }, 2);
	assert_refused(frame, KM_FRAME_HEADER + 2 + 16 + 2 + 1203, ~0u, ~0u);
	assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_OK);
	assert_refused(frame, KM_FRAME_MAX, ~0u, ~0u);
}

static void test_the_encoder_refuses_what_is_over_its_limit(void **state)
{
	struct km_msg m;
	size_t len = 4711;

	(void)state;
	foreach (f, fields) {
		memset(&m, 0, sizeof(m));
		m.number = (uint8_t)f->number;
		if (f->kind == STR)
			memset((char *)&m + f->offset, 'x', f->limit + 1);
		else if (f->kind == SECRET)
			((struct km_secret *)(void *)((char *)&m + f->offset))->len =
			    (uint16_t)(f->limit + 1);
		else if (f->kind == SLOTS)
			((struct km_slots *)(void *)((char *)&m + f->offset))->count =
			    (uint8_t)(f->limit + 1);
		else if (f->kind == SPAN)
			*span_of(&m, f) = (struct km_span){ filler, (uint16_t)(f->limit + 1) };
		else
			continue;
		assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_ELIMIT);
	}
	memset(&m, 0, sizeof(m));
	m.number = 200;
	assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_EINVAL);
	m.number = KM_MSG_ANSWER;
	m.session = 1;
	assert_int_equal(km_encode(&m, frame, sizeof(frame), &len), KM_EINVAL);
	assert_int_equal(len, 4711);
}

static void test_a_frame_that_does_not_fit_leaves_no_part_of_its_secret_behind(void **state)
{
	(void)state;
	foreach (row, messages) {
		struct km_msg m;
		size_t len = filled_frame(frame, row);

		fill(&m, row);
		for (size_t cap = 0; cap < len; cap++) {
			static uint8_t buf[KM_FRAME_MAX];
			size_t got = 4711;

			memset(buf, 0, len);
			assert_int_equal(km_encode(&m, buf, cap, &got), KM_ELIMIT);
			assert_int_equal(got, 4711);
			assert_true(buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0);
		}
	}
}

static uint32_t xorshift(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void test_mutated_frames_are_refused_or_mean_exactly_what_they_say(void **state)
{
	static uint8_t again[KM_FRAME_MAX];
	uint32_t seed = 0x6B656E6D;
	size_t accepted = 0, refused = 0;

	(void)state;
	for (int i = 0; i < MUTATIONS; i++) {
		const struct message *row = &messages[xorshift(&seed) % COUNT(messages)];
		size_t len = filled_frame(frame, row), back = 0;
		struct km_msg m;

		for (uint32_t n = xorshift(&seed) % 4 + 1; n; n--)
			frame[xorshift(&seed) % len] ^= (uint8_t)(1u << xorshift(&seed) % 8);
		if (xorshift(&seed) % 4 == 0)
			len = xorshift(&seed) % (len + 8);
		if (decode_exactly(frame, len, ~0u, ~0u, &m) != KM_OK) {
			refused++;
			continue;
		}
		accepted++;
		assert_int_equal(km_encode(&m, again, sizeof(again), &back), KM_OK);
		assert_int_equal(back, len);
		assert_memory_equal(again, frame, len);
	}
	assert_true(accepted > MUTATIONS / 100 && refused > MUTATIONS / 100);
}

static void test_a_wiped_message_is_all_zero(void **state)
{
	static const struct km_msg zero;
	struct km_msg m;

	(void)state;
	memset(&m, 0x5A, sizeof(m));
	km_msg_wipe(&m);
	assert_memory_equal(&m, &zero, sizeof(m));
	km_msg_wipe(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_every_message_survives_the_wire_with_every_field_at_its_limit),
		cmocka_unit_test(test_every_message_survives_the_wire_empty),
		cmocka_unit_test(test_a_frame_looks_as_the_table_says),
		cmocka_unit_test(test_every_frame_cut_short_is_refused),
		cmocka_unit_test(test_one_byte_after_a_frame_is_refused),
		cmocka_unit_test(test_a_message_passes_only_from_its_party_and_in_its_phase),
		cmocka_unit_test(test_a_number_that_is_no_message_is_refused),
		cmocka_unit_test(test_only_judge_and_vault_number_their_sessions),
		cmocka_unit_test(test_text_that_is_not_plain_is_refused_in_every_string),
		cmocka_unit_test(
		    test_a_length_above_the_limit_is_refused_even_when_the_bytes_are_there),
		cmocka_unit_test(test_the_encoder_refuses_what_is_over_its_limit),
		cmocka_unit_test(
		    test_a_frame_that_does_not_fit_leaves_no_part_of_its_secret_behind),
		cmocka_unit_test(test_mutated_frames_are_refused_or_mean_exactly_what_they_say),
		cmocka_unit_test(test_a_wiped_message_is_all_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
