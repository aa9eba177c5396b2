/*
 * Frames to structs and back. One table, made from messages.def, drives one
 * encoder and one decoder; no message has code of its own.
 */
#include <string.h>

#include <kenmon/log.h>
#include <kenmon/wire.h>

enum kind { U8, U16, U32, U64, I64, BYTES, STR, SECRET, SLOTS, SPAN };

/*
 * No pointers in these tables: sshd, su and the like load the door for one login, and the dynamic
 * linker would have to write every one of them first.
 */
struct field {
	uint16_t offset; /* in struct km_msg */
	uint16_t limit;
	uint8_t kind;  /* enum kind */
	bool is_login; /* a text by the name of login */
};

struct row {
	uint32_t phases;
	uint16_t name;   /* where it begins in names */
	uint16_t fields; /* the first of them, in all_fields */
	uint16_t count;  /* of fields */
	uint16_t cap;    /* of the body */
	uint8_t from;    /* 0: no message has this number */
};

/* messages.def names phases without their prefix. */
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

/* Only between judge and vault does a frame carry a session. */
#define PHASES_WITH_SESSION ((unsigned)LINK | OPENED | JUDGE_LINK | OPENING | CHECKING)

/* Of each message its name, as one text after another. */
static const struct names {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) char name[sizeof(#NAME)];
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
} names = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) #NAME,
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

/* Of each message an array of its fields, as one array after another. */
static const struct all_fields {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) struct field name[0
#define KM_FIELD(name, kind, field, limit) +1
#define KM_MESSAGE_END(name)                              ];
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
} all_fields = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) {
#define KM_FIELD(name, kind, field, limit)                                                         \
	{ offsetof(struct km_msg, name.field), limit, kind,                                        \
	  __builtin_strcmp(#field, "login") == 0 },
#define KM_MESSAGE_END(name)                                                                       \
	}                                                                                          \
	,
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

static const struct row rows[] = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap)                                          \
	[number] = { phases,                                                                       \
		     offsetof(struct names, name),                                                 \
		     offsetof(struct all_fields, name) / sizeof(struct field),                     \
		     sizeof(all_fields.name) / sizeof(struct field),                               \
		     cap,                                                                          \
		     KM_FROM_##from },
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

/* As large as the largest body. */
union largest_body {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) uint8_t name[cap];
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

_Static_assert(KM_FRAME_HEADER + sizeof(union largest_body) <= KM_FRAME_MAX, "a cap is too large");
_Static_assert(sizeof(struct km_msg) <= UINT16_MAX, "a field lies too far");

static const struct row *row_of(unsigned number)
{
	if (number >= sizeof(rows) / sizeof(rows[0]) || rows[number].from == 0)
		return NULL;
	return &rows[number];
}

static const struct field *fields_of(const struct row *row)
{
	return (const struct field *)(const void *)&all_fields + row->fields;
}

static bool session_fits(const struct row *row, uint32_t session)
{
	return session == 0 || (row->phases & PHASES_WITH_SESSION) != 0;
}

/* Width on the wire of an integer kind; 0 for the others. */
static size_t width(unsigned kind)
{
	static const uint8_t widths[] = {
		[U8] = 1, [U16] = 2, [U32] = 4, [U64] = 8, [I64] = 8, [SPAN] = 0
	};

	return widths[kind];
}

/* --- writing ------------------------------------------------------------- */

struct out {
	uint8_t *at;
	size_t left;
	km_rc rc; /* the first that went wrong; nothing is written after it */
};

static void put(struct out *o, const void *bytes, size_t len)
{
	if (o->rc != KM_OK)
		return;
	if (len > o->left) {
		o->rc = KM_ELIMIT;
		return;
	}
	memcpy(o->at, bytes, len);
	o->at += len;
	o->left -= len;
}

static void put_integer(struct out *o, uint64_t value, size_t bytes)
{
	uint8_t be[8];

	for (size_t i = 0; i < bytes; i++)
		be[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	put(o, be, bytes);
}

static uint64_t load(const uint8_t *member, unsigned kind)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (kind == U8)
		return *member;
	if (kind == U16) {
		memcpy(&u16, member, sizeof(u16));
		return u16;
	}
	if (kind == U32) {
		memcpy(&u32, member, sizeof(u32));
		return u32;
	}
	memcpy(&u64, member, sizeof(u64));
	return u64;
}

static void put_string(struct out *o, const char *text, size_t limit)
{
	size_t len = strnlen(text, limit + 1);

	if (len > limit)
		o->rc = o->rc == KM_OK ? KM_ELIMIT : o->rc;
	else if (!km_text_is_plain(text, len))
		o->rc = o->rc == KM_OK ? KM_EINVAL : o->rc;
	put_integer(o, len, 2);
	put(o, text, len);
}

static void put_secret(struct out *o, const struct km_secret *secret, size_t limit)
{
	if (secret->len > limit || secret->len > KM_SECRET_MAX)
		o->rc = o->rc == KM_OK ? KM_ELIMIT : o->rc;
	put_integer(o, secret->len, 2);
	put(o, secret->bytes, secret->len);
}

static void put_slots(struct out *o, const struct km_slots *slots, size_t limit)
{
	if (slots->count > limit || slots->count > KM_SLOTS_MAX) {
		o->rc = o->rc == KM_OK ? KM_ELIMIT : o->rc;
		return;
	}
	put_integer(o, slots->count, 1);
	for (size_t i = 0; i < slots->count; i++) {
		put_integer(o, slots->slot[i].step, 1);
		put_integer(o, slots->slot[i].shape, 2);
	}
}

static void put_span(struct out *o, const struct km_span *span, size_t limit)
{
	if (span->len > limit)
		o->rc = o->rc == KM_OK ? KM_ELIMIT : o->rc;
	put_integer(o, span->len, 2);
	if (span->len > 0)
		put(o, span->bytes, span->len);
}

static void put_field(struct out *o, const struct km_msg *m, const struct field *f)
{
	const uint8_t *member = (const uint8_t *)m + f->offset;

	switch ((enum kind)f->kind) {
	case U8:
	case U16:
	case U32:
	case U64:
	case I64:
		put_integer(o, load(member, f->kind), width(f->kind));
		break;
	case BYTES:
		put(o, member, f->limit);
		break;
	case STR:
		put_string(o, (const char *)member, f->limit);
		break;
	case SECRET:
		put_secret(o, (const struct km_secret *)(const void *)member, f->limit);
		break;
	case SLOTS:
		put_slots(o, (const struct km_slots *)(const void *)member, f->limit);
		break;
	case SPAN:
		put_span(o, (const struct km_span *)(const void *)member, f->limit);
		break;
	}
}

km_rc km_encode(const struct km_msg *m, uint8_t *buf, size_t cap, size_t *len)
{
	const struct row *row = row_of(m->number);
	struct out o = { .at = buf, .left = cap };

	if (!row || !session_fits(row, m->session))
		return KM_EINVAL;
	put_integer(&o, m->number, 1);
	put_integer(&o, m->session, 4);
	if (o.rc == KM_OK && o.left > row->cap)
		o.left = row->cap;
	for (size_t i = 0; i < row->count; i++)
		put_field(&o, m, &fields_of(row)[i]);
	if (o.rc != KM_OK) {
		km_wipe(buf, (size_t)(o.at - buf)); /* half a frame may hold a secret */
		return o.rc;
	}
	*len = (size_t)(o.at - buf);
	return KM_OK;
}

/* --- reading ------------------------------------------------------------- */

struct in {
	const uint8_t *at;
	size_t left;
	bool bad; /* nothing is read after the first fault */
};

/* len bytes of the frame, or NULL and the frame is bad. */
static const uint8_t *take(struct in *in, size_t len)
{
	const uint8_t *at = in->at;

	if (in->bad || len > in->left) {
		in->bad = true;
		return NULL;
	}
	in->at += len;
	in->left -= len;
	return at;
}

static uint64_t take_integer(struct in *in, size_t bytes)
{
	const uint8_t *at = take(in, bytes);
	uint64_t value = 0;

	for (size_t i = 0; at && i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static void store(uint8_t *member, unsigned kind, uint64_t value)
{
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	if (kind == U8)
		*member = (uint8_t)value;
	else if (kind == U16)
		memcpy(member, &u16, sizeof(u16));
	else if (kind == U32)
		memcpy(member, &u32, sizeof(u32));
	else
		memcpy(member, &value, sizeof(value));
}

/* u16 length and so many bytes, at most limit; NULL and the frame is bad. */
static const uint8_t *take_counted(struct in *in, size_t limit, size_t *len)
{
	*len = (size_t)take_integer(in, 2);
	if (*len > limit)
		in->bad = true;
	return take(in, *len);
}

static void take_string(struct in *in, char *text, size_t limit)
{
	size_t len;
	const uint8_t *at = take_counted(in, limit, &len);

	if (at && !km_text_is_plain((const char *)at, len)) {
		in->bad = true;
		return;
	}
	if (at)
		memcpy(text, at, len); /* the NUL is there: *m was zeroed */
}

static void take_secret(struct in *in, struct km_secret *secret, size_t limit)
{
	size_t len;
	const uint8_t *at = take_counted(in, limit, &len);

	if (at && km_secret_set(secret, at, len) != KM_OK)
		in->bad = true;
}

static void take_slots(struct in *in, struct km_slots *slots, size_t limit)
{
	size_t count = (size_t)take_integer(in, 1);

	if (in->bad || count > limit || count > KM_SLOTS_MAX) {
		in->bad = true;
		return;
	}
	slots->count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		slots->slot[i].step = (uint8_t)take_integer(in, 1);
		slots->slot[i].shape = (uint16_t)take_integer(in, 2);
	}
}

static void take_span(struct in *in, struct km_span *span, size_t limit)
{
	size_t len;
	const uint8_t *at = take_counted(in, limit, &len);

	if (at)
		*span = (struct km_span){ len ? at : NULL, (uint16_t)len };
}

static void take_field(struct in *in, struct km_msg *m, const struct field *f)
{
	uint8_t *member = (uint8_t *)m + f->offset;
	const uint8_t *at;

	switch ((enum kind)f->kind) {
	case U8:
	case U16:
	case U32:
	case U64:
	case I64:
		store(member, f->kind, take_integer(in, width(f->kind)));
		break;
	case BYTES:
		at = take(in, f->limit);
		if (at)
			memcpy(member, at, f->limit);
		break;
	case STR:
		take_string(in, (char *)member, f->limit);
		break;
	case SECRET:
		take_secret(in, (struct km_secret *)(void *)member, f->limit);
		break;
	case SLOTS:
		take_slots(in, (struct km_slots *)(void *)member, f->limit);
		break;
	case SPAN:
		take_span(in, (struct km_span *)(void *)member, f->limit);
		break;
	}
}

km_rc km_decode(const uint8_t *buf, size_t len, unsigned from, unsigned phases, struct km_msg *m)
{
	struct in in = { .at = buf, .left = len };
	const struct row *row;

	memset(m, 0, sizeof(*m));
	row = row_of((unsigned)take_integer(&in, 1));
	if (!row || (row->from & from) == 0 || (row->phases & phases) == 0 ||
	    len > (size_t)KM_FRAME_HEADER + row->cap)
		return KM_EPROTO;
	m->number = buf[0];
	m->session = (uint32_t)take_integer(&in, 4);
	if (!session_fits(row, m->session))
		in.bad = true;
	for (size_t i = 0; !in.bad && i < row->count; i++)
		take_field(&in, m, &fields_of(row)[i]);
	if (in.bad || in.left != 0) {
		km_msg_wipe(m);
		return KM_EPROTO;
	}
	return KM_OK;
}

/* ------------------------------------------------------------------------- */

void km_msg_wipe(struct km_msg *m)
{
	if (m)
		km_wipe(m, sizeof(*m));
}

const char *km_message_name(unsigned number)
{
	const struct row *row = row_of(number);

	return row ? (const char *)&names + row->name : "?";
}

const char *km_message_login(const struct km_msg *m)
{
	const struct row *row = row_of(m->number);

	for (size_t i = 0; row && i < row->count; i++) {
		const struct field *f = &fields_of(row)[i];

		if (f->kind == STR && f->is_login)
			return (const char *)m + f->offset;
	}
	return NULL;
}

km_rc km_send_msg(int fd, const struct km_msg *m, int pass_fd, int flags)
{
	uint8_t frame[KM_SEND_MSG_MAX];
	size_t len = 0;
	km_rc rc = km_encode(m, frame, sizeof(frame), &len);

	if (rc == KM_OK)
		rc = km_send(fd, frame, len, pass_fd, flags);
	km_wipe(frame, sizeof(frame));
	return rc;
}
