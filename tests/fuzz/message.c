/* messages.def once more: which messages there are, who may say them when, and fields to fill. */
#include <string.h>

#include "fuzz.h"

enum { /* messages.def names phases without their prefix */
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

#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)

const uint8_t fuzz_numbers[] = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) (number),
#include <kenmon/messages.def>
#undef KM_MESSAGE
};
const size_t fuzz_number_count = sizeof(fuzz_numbers);

bool fuzz_table_says(unsigned number, unsigned from, unsigned phases)
{
	switch (number) {
#define KM_MESSAGE(NAME, name, number, sender, when, cap)                                          \
	case number:                                                                               \
		return (from & KM_FROM_##sender) != 0 && (phases & (when)) != 0;
#include <kenmon/messages.def>
#undef KM_MESSAGE
	default:
		return false;
	}
}

#undef KM_FIELD
#undef KM_MESSAGE_END

/* --- fields -------------------------------------------------------------------- */

enum kind { U8, U16, U32, U64, I64, BYTES, STR, SECRET, SLOTS, SPAN };

static void fill_integer(struct fuzz_in *in, enum kind kind, void *at)
{
	static const size_t widths[] = { [U8] = 1, [U16] = 2, [U32] = 4, [U64] = 8, [I64] = 8 };
	uint64_t u64 = fuzz_integer(in, widths[kind]);
	uint32_t u32 = (uint32_t)u64;
	uint16_t u16 = (uint16_t)u64;

	if (kind == U8)
		*(uint8_t *)at = (uint8_t)u64;
	else if (kind == U16)
		memcpy(at, &u16, sizeof(u16));
	else if (kind == U32)
		memcpy(at, &u32, sizeof(u32));
	else
		memcpy(at, &u64, sizeof(u64));
}

static void fill_text(struct fuzz_in *in, const struct fuzz_ideas *ideas, char *at, size_t limit)
{
	uint8_t which = fuzz_u8(in);
	size_t words = 0;

	while (ideas && ideas->words && ideas->words[words])
		words++;
	if (which < words) {
		strncpy(at, ideas->words[which], limit);
		return;
	}
	fuzz_bytes(in, (uint8_t *)at, limit);
	at[strnlen(at, limit)] = '\0';
}

static void fill_slots(struct fuzz_in *in, struct km_slots *slots)
{
	slots->count = fuzz_u8(in);
	for (size_t i = 0; i < slots->count && i < KM_SLOTS_MAX; i++) {
		slots->slot[i].step = fuzz_u8(in);
		slots->slot[i].shape = fuzz_u8(in);
	}
}

/* A message has one span at most, and is sent before the next is filled. */
static void fill_span(struct fuzz_in *in, struct km_span *span, size_t limit)
{
	static uint8_t bytes[KM_FRAME_MAX];

	span->len = (uint16_t)fuzz_bytes(in, bytes, limit);
	span->bytes = span->len ? bytes : NULL;
}

static void fill(struct fuzz_in *in, const struct fuzz_ideas *ideas, enum kind kind, void *at,
		 size_t limit)
{
	struct km_secret *secret = at;

	if (kind <= I64)
		fill_integer(in, kind, at);
	else if (kind == BYTES && ideas && ideas->bytes)
		ideas->bytes(in, at, limit);
	else if (kind == BYTES)
		memset(at, fuzz_u8(in), limit);
	else if (kind == STR)
		fill_text(in, ideas, at, limit);
	else if (kind == SLOTS)
		fill_slots(in, at);
	else if (kind == SPAN)
		fill_span(in, at, limit);
	else if (ideas && ideas->secret)
		ideas->secret(in, secret, limit);
	else
		secret->len = (uint16_t)fuzz_bytes(in, secret->bytes, limit);
}

void fuzz_message(struct fuzz_in *in, unsigned number, const struct fuzz_ideas *ideas,
		  struct km_msg *m)
{
	memset(m, 0, sizeof(*m));
	m->number = (uint8_t)number;
	switch (number) {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) case number:
#define KM_FIELD(name, kind, field, limit)                fill(in, ideas, kind, &m->name.field, limit);
#define KM_MESSAGE_END(name)                              break;
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
	default:
		break;
	}
}
