/*
 * The matcher's room between a vault and sensors, in any order, on its real sockets. A model of its
 * own says which grant is alive: a finding comes for a probe of such a grant and for nothing else,
 * once; frames of the vault out of their place end the room; and when nothing is lent any more, no
 * byte of it is left. The comparison is the real one. Bytes are read as "act, arguments".
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/sock.h>

#include "../../authd/matcher/enrol.h"
#include "../../authd/matcher/room.h"
#include "../unit/lender.h"
#include "fuzz.h"

enum { LEND, LEND_ALL, TAKE_BACK, PROBE, TOUCH, CLOCK, RAW_VAULT, RAW_SENSOR, SENSOR, ACTS };

const struct fuzz_seed fuzz_seeds[] = {
	SEED("login", LEND_ALL, 1, 1, 2, 5, TOUCH, 0, 1, 5, 9),
	SEED("mismatch", LEND_ALL, 1, 1, 2, 5, TOUCH, 0, 1, 9, 9),
	SEED("enrolment", LEND_ALL, 2, 2, 1, 0, TOUCH, 0, 2, 5, 0, TOUCH, 0, 2, 5, 1, TOUCH, 0, 2,
	     5, 2, TOUCH, 0, 2, 5, 3, TOUCH, 0, 2, 5, 4),
	SEED("known", LEND_ALL, 2, 2, 2, 5, TOUCH, 0, 2, 6, 8),
	SEED("twice", LEND_ALL, 1, 1, 1, 5, TOUCH, 0, 1, 5, 9, TOUCH, 0, 1, 5, 9),
	SEED("late", LEND_ALL, 1, 1, 1, 5, CLOCK, 200, TOUCH, 0, 1, 5, 9),
	SEED("taken-back", LEND_ALL, 1, 1, 1, 5, TAKE_BACK, 1, TOUCH, 0, 1, 5, 9),
	SEED("out-of-order", LEND, 1, 1, 0, 2, 5, 100, LEND, 1, 1, 0, 2, 5, 100),
	SEED("in-order", LEND, 1, 1, 0, 2, 5, 100, LEND, 1, 1, 1, 2, 6, 100, TOUCH, 0, 1, 6, 9),
	SEED("left-out", LEND, 1, 1, 0, 3, 5, 100, LEND, 1, 1, 2, 3, 6, 100),
	SEED("half", LEND, 1, 1, 0, 2, 5, 100, TOUCH, 0, 1, 5, 9),
	SEED("two-grants", LEND_ALL, 1, 1, 1, 5, LEND_ALL, 2, 1, 1, 9, TOUCH, 1, 2, 9, 9, TOUCH, 0,
	     1, 5, 9),
	SEED("sensor-gone", LEND_ALL, 1, 1, 1, 5, SENSOR, 0, TOUCH, 0, 1, 5, 9),
	SEED("garbage", RAW_SENSOR, 0, 4, 80, 0, 0, 0, LEND_ALL, 1, 1, 1, 5, RAW_VAULT, 0, 3, 85, 0,
	     0),
	SEED("minutiae", LEND_ALL, 1, 1, 1, 5, PROBE, 0, 1, 0, 14, 0, 2, 0, 1, 0, 1, 0, 1, 0, 2, 0,
	     2, 0, 2),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "\x01\x01\x01\x01\x05", "\x04\x01\x01\x05\x09",
				   "\x01\x02\x02\x01\x01", NULL };

#define IDS     16 /* more than places */
#define SENSORS 2
#define UNTIL   100 /* in units of the clock's act */
#define MS      1000

/* --- what the room stands on --------------------------------------------------------------- */

static int64_t now_ms;
int64_t __wrap_km_boot_ms(void);
void *__wrap_km_locked_new(size_t size);
void __wrap_km_locked_free(void *p, size_t size);

int64_t __wrap_km_boot_ms(void)
{
	return now_ms;
}

static struct {
	void *at;
	size_t size;
} area[8];

/* ASan watches what lies behind. */
void *__wrap_km_locked_new(size_t size)
{
	for (size_t i = 0; i < 8; i++)
		if (!area[i].at) {
			area[i].at = calloc(1, size);
			area[i].size = size;
			return area[i].at;
		}
	abort();
}

void __wrap_km_locked_free(void *p, size_t size)
{
	for (size_t i = 0; i < 8; i++)
		if (p && area[i].at == p) {
			fuzz_check(area[i].size == size, "another size");
			area[i].at = NULL;
			free(p);
		}
}

static struct matcher room;
static int vault, sensor[SENSORS];

/* --- the model ------------------------------------------------------------------------------- */

static struct {
	bool live, lent;
	uint8_t mode, tries, good;
	int64_t until;
} grant[IDS];

static struct {
	bool open, kept;
	unsigned id, next, mode, count;
	int64_t until;
} lending;

static bool over;                   /* the room is to end */
static unsigned due_fail, due_find; /* words that it owes */
static unsigned due_id;

static unsigned alive(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < IDS; i++)
		n += grant[i].live;
	return n;
}

static void expire(void)
{
	for (unsigned i = 0; i < IDS; i++)
		if (grant[i].live && grant[i].until <= now_ms) {
			grant[i].live = grant[i].lent = false;
			if (lending.open && lending.id == i)
				lending.kept = false;
		}
}

static void model_lend(unsigned id, unsigned mode, unsigned index, unsigned count, int64_t until,
		       bool empty)
{
	bool valid = (mode == KM_GRANT_COMPARE || mode == KM_GRANT_ENROL) && count >= 1 &&
		     count <= KM_GRANT_TEMPLATES && index < count;

	if (valid && index == 0 && !lending.open && !grant[id].live) {
		lending.open = true;
		lending.kept = until > now_ms && alive() < KM_GRANTS;
		lending.id = id;
		lending.next = 0;
		lending.mode = mode;
		lending.count = count;
		lending.until = until;
		due_fail += !lending.kept;
		grant[id].live = lending.kept;
		grant[id].lent = false;
		grant[id].mode = (uint8_t)mode;
		grant[id].until = until;
		grant[id].tries = grant[id].good = 0;
	} else if (!valid || index == 0) {
		over = true;
		return;
	}
	if (!lending.open || lending.id != id || lending.next != index || lending.mode != mode ||
	    lending.count != count || lending.until != until) {
		over = true;
		return;
	}
	lending.next++;
	lending.open = lending.next < count;
	if (lending.kept && empty && (mode != KM_GRANT_ENROL || count != 1)) {
		due_fail++;
		due_id = id;
		grant[id].live = lending.kept = false;
	}
	grant[id].lent = lending.kept && !lending.open;
}

/* --- words of the room ------------------------------------------------------------------------ */

static void check_match(const struct msg_match *m)
{
	unsigned id = m->grant[0];

	if (m->outcome == KM_MATCH_FAILED) {
		fuzz_check(due_fail > 0, "failed, and why?");
		due_fail--;
		return;
	}
	fuzz_check(due_find == 1 && due_id == id, "a finding for %u that nobody asked for", id);
	fuzz_check(id < IDS && grant[id].mode == KM_GRANT_COMPARE, "a finding for %u", id);
	due_find = 0;
	grant[id].live = grant[id].lent = false;
}

static void check_stage(const struct msg_stage *m)
{
	unsigned id = m->grant[0];

	if (m->outcome == KM_STAGE_FAILED && due_fail > 0) {
		due_fail--;
		return;
	}
	fuzz_check(due_find == 1 && due_id == id, "a stage of %u that nobody asked for", id);
	fuzz_check(id < IDS && grant[id].mode == KM_GRANT_ENROL, "a stage of %u", id);
	fuzz_check(m->outcome >= KM_STAGE_GOOD && m->outcome <= KM_STAGE_FAILED, "outcome");
	due_find = 0;
	grant[id].tries++;
	grant[id].good = m->stage;
	fuzz_check(m->stage <= LENDER_IMPRESSIONS && m->of == LENDER_IMPRESSIONS, "how many");
	if (m->outcome == KM_STAGE_KNOWN || m->outcome == KM_STAGE_FAILED)
		grant[id].live = grant[id].lent = false;
}

static void check_template(const struct msg_finger_template *m)
{
	static struct finger_template t;
	unsigned id = m->grant[0];

	fuzz_check(id < IDS && grant[id].live && grant[id].good == LENDER_IMPRESSIONS,
		   "a template too early");
	fuzz_check(template_decode(m->blob.bytes, m->blob.len, &t) == KM_OK, "no template");
	fuzz_check(t.count == LENDER_IMPRESSIONS, "%u impressions", t.count);
	grant[id].live = grant[id].lent = false;
}

static void hear(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;

	while (km_recv(vault, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) == KM_OK) {
		fuzz_check(km_decode(frame, len, KM_FROM_MATCHER, KM_PHASE_GRANTS, &m) == KM_OK,
			   "no frame");
		if (m.number == KM_MSG_MATCH)
			check_match(&m.match);
		else if (m.number == KM_MSG_STAGE)
			check_stage(&m.stage);
		else if (m.number == KM_MSG_TEMPLATE)
			check_template(&m.finger_template);
	}
}

/* Whatever there is to do, and what the model says of it. */
static void rounds(void)
{
	while (!room.stop && matcher_round(&room, 0))
		;
	hear();
	fuzz_check(room.stop == over, over ? "it goes on" : "it has stopped");
	fuzz_check(over || (due_fail == 0 && due_find == 0), "it owes a word");
	for (unsigned i = 0; i < IDS && !over; i++)
		fuzz_check(!grant[i].live || grant[i].good < LENDER_IMPRESSIONS, "no template");
	expire();
}

/* --- acts ---------------------------------------------------------------------------------------
 */

static void say(int fd, const struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len = 0;

	if (fd >= 0 && km_encode(m, frame, sizeof(frame), &len) == KM_OK)
		(void)!send(fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void lend(unsigned id, unsigned mode, unsigned index, unsigned count, unsigned finger,
		 int64_t until)
{
	struct km_msg m =
	    lender_frame(id, (enum km_grant_mode)mode, index, count, until, finger, 1);

	model_lend(id, mode, index, count, until, finger == 0);
	say(vault, &m);
	rounds();
}

static void connect_sensor(unsigned i)
{
	int pair[2];

	/* As accepted: the listener is not what this is about. */
	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "no sockets");
	for (size_t k = 0; k < MATCHER_SENSORS; k++)
		if (room.sensor[k] < 0) {
			room.sensor[k] = pair[1];
			sensor[i] = pair[0];
			return;
		}
	fuzz_fail(__FILE__, __LINE__, "no place for a sensor");
}

static void hang_up(unsigned i)
{
	if (sensor[i] >= 0)
		close(sensor[i]);
	sensor[i] = -1;
	rounds();
}

static void probe(unsigned from, unsigned id, struct km_minutiae m)
{
	static uint8_t bytes[KM_MINUTIAE_BYTES];
	struct km_msg p = { .number = KM_MSG_PROBE, .probe = { .version = KM_ROOM_PROTOCOL } };
	size_t len = 0;

	lender_id(p.probe.grant, id);
	if (km_minutiae_encode(&m, bytes, sizeof(bytes), &len) != KM_OK)
		return;
	p.probe.minutiae = (struct km_span){ bytes, (uint16_t)len };
	due_find = grant[id].live && grant[id].lent && grant[id].until > now_ms;
	due_id = id;
	if (sensor[from] < 0)
		connect_sensor(from);
	say(sensor[from], &p);
	rounds();
}

/* Any bytes: what the codec and the model say of them is what the room must do. */
static void raw_vault(struct fuzz_in *in)
{
	uint8_t bytes[300];
	size_t len = fuzz_bytes(in, bytes, sizeof(bytes));
	static struct km_msg m;

	if (len == 0 || km_decode(bytes, len, KM_FROM_VAULT, KM_PHASE_MATCHER, &m) == KM_OK)
		return; /* good ones come by the other acts */
	over = true;
	(void)!send(vault, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	rounds();
}

static void raw_sensor(struct fuzz_in *in)
{
	unsigned from = fuzz_u8(in) % SENSORS;
	uint8_t bytes[300];
	size_t len = fuzz_bytes(in, bytes, sizeof(bytes));
	static struct km_msg m;
	char byte;

	if (len == 0 || km_decode(bytes, len, KM_FROM_SENSOR, KM_PHASE_PROBES, &m) == KM_OK)
		return;
	if (sensor[from] < 0)
		connect_sensor(from);
	(void)!send(sensor[from], bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	rounds();
	fuzz_check(recv(sensor[from], &byte, 1, MSG_DONTWAIT) == 0, "it is still heard");
	hang_up(from);
}

static void take_back(unsigned id)
{
	struct km_msg m = { .number = KM_MSG_TAKE_BACK };

	lender_id(m.take_back.grant, id);
	say(vault, &m);
	if (lending.open && lending.id == id)
		lending.open = lending.kept = false;
	grant[id].live = grant[id].lent = false;
	rounds();
}

static void act(struct fuzz_in *in)
{
	unsigned what = fuzz_u8(in) % ACTS, id, mode, count, finger, index;
	struct km_minutiae m = { .count = 0 };

	if (what == RAW_VAULT) {
		raw_vault(in);
		return;
	}
	if (what == RAW_SENSOR) {
		raw_sensor(in);
		return;
	}
	if (what == CLOCK) {
		now_ms += MS * fuzz_u8(in);
		rounds();
		return;
	}
	id = fuzz_u8(in) % IDS;
	if (what == SENSOR) {
		hang_up(id % SENSORS);
	} else if (what == TAKE_BACK) {
		take_back(id);
	} else if (what == LEND) {
		mode = fuzz_u8(in) % 4;
		index = fuzz_u8(in) % 12;
		count = fuzz_u8(in) % 12;
		finger = fuzz_u8(in);
		lend(id, mode, index, count, finger, (int64_t)MS * fuzz_u8(in));
	} else if (what == LEND_ALL) {
		mode = fuzz_u8(in) % 2 ? KM_GRANT_COMPARE : KM_GRANT_ENROL;
		count = fuzz_u8(in) % 3 + 1;
		finger = fuzz_u8(in);
		for (unsigned i = 0; i < count && !over; i++)
			lend(id, mode, i, count, finger ? finger + i : 0,
			     now_ms < UNTIL * MS ? UNTIL * MS : now_ms + MS);
	} else if (what == TOUCH) {
		index = fuzz_u8(in) % IDS;
		finger = fuzz_u8(in);
		probe(id % SENSORS, index, finger_touch(finger, fuzz_u8(in)));
	} else {
		index = fuzz_u8(in) % IDS;
		m.count = fuzz_u8(in) % (KM_MINUTIAE_MAX + 1);
		for (unsigned i = 0; i < m.count; i++)
			m.at[i] = (struct km_minutia){ (int16_t)(fuzz_integer(in, 2) & 0x0fff),
						       (int16_t)(fuzz_integer(in, 2) & 0x0fff),
						       (int16_t)(fuzz_integer(in, 2) % 181) };
		probe(id % SENSORS, index, m);
	}
}

/* --- one input
 * -------------------------------------------------------------------------------------- */

static unsigned before;

static void begin(void)
{
	int pair[2];

	before = fuzz_descriptors();
	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "no sockets");
	room = (struct matcher)MATCHER_CLOSED;
	room.vault = pair[1];
	vault = pair[0];
	sensor[0] = sensor[1] = -1;
	now_ms = MS;
	memset(grant, 0, sizeof(grant));
	memset(&lending, 0, sizeof(lending));
	over = false;
	due_fail = due_find = 0;
	fuzz_check(matcher_init(&room), "no memory");
}

/* The room for galleries, and the buffers: not the grants themselves, where pointers are. */
static void nothing_is_left(void)
{
	lent_expire(room.grants, INT64_MAX);
	for (size_t i = 0; i < 8; i++)
		if (area[i].at && area[i].at != room.grants)
			fuzz_check(fuzz_is_zero(area[i].at, area[i].size),
				   "something is left in %zu bytes", area[i].size);
}

static void end(void)
{
	for (unsigned i = 0; i < SENSORS; i++)
		if (sensor[i] >= 0)
			close(sensor[i]);
	close(vault);
	if (room.stop)
		lent_expire(room.grants, INT64_MAX);
	else
		nothing_is_left();
	matcher_wipe(&room);
	fuzz_check(fuzz_descriptors() == before, "a descriptor is left");
}

void fuzz_begin(void)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	begin();
	while (in.left > 0 && !over)
		act(&in);
	end();
	return 0;
}
