/*
 * C15, C26: a whole judge on real sockets and its real loop, between clients, a vault and a sensor
 * that do what the input says. It lives, never lets anybody in, says nothing out of its table,
 * passes descriptors with OPEN alone, and when all have gone no session, timer or descriptor is
 * left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/sock.h>
#include <kenmon/verdict.h>

#include "../../authd/judge.h"
#include "fuzz.h"

#define CLIENTS 12
#define TIMERS  128
#define GIFTS   40 /* descriptors sent in one run: JUDGE_ASIDE of them would make a child */

enum act {
	COME,
	SAY,
	SAY_RAW,
	SAY_WITH_FD,
	LEAVE,
	VAULT_COMES,
	VAULT_SAYS,
	VAULT_RAW,
	VAULT_GOES,
	VAULT_DEAF,
	VAULT_DROPS,
	TIME,
	SENSOR_COMES,
	SENSOR_SAYS,
	SENSOR_RAW,
	SENSOR_GOES,
	SENSOR_DEAF,
	SENSOR_SILENT,
	ACTS
};
#define SAYS(client, number, ...)    SAY, client, number, __VA_ARGS__
#define HELLO_DOOR(client)           SAYS(client, 1, 1, 0, 1, 0, 1)
#define HELLO_DESK(client)           SAYS(client, 1, 2, 0, 1, 0, 1)
#define LOGIN_AS(client, kind, name) SAYS(client, 2, kind, name, 0, 0, 0, 0, 2, 0, 0, 0, 0, 7)
#define ANSWERS(client)              SAYS(client, 4, 6, '1', '2', '3', '4', '5', '6')
#define PLAN_OF(client, steps)       VAULT_SAYS, client, 30, steps, 0, 7, 1, 8
#define VERDICT_IS(client, verdict)  VAULT_SAYS, client, 31, verdict, 1, 0, 0, 0, 0
#define TOUCH_OF(client)             VAULT_SAYS, client, 30, 2, 0, 0x17, 1, 0x18
#define TOUCHES(client)              SAYS(client, 4, 0)
#define GRANTS(client, grant)        VAULT_SAYS, client, 33, grant, 0, 20
#define EVENT_IS(grant, event)       SENSOR_SAYS, 72, grant, event, 0, 0
#define TO_FINGER(client)                                                                          \
	COME, 0, HELLO_DOOR(client), LOGIN_AS(client, 1, 1), VAULT_COMES, TOUCH_OF(client),        \
	    TOUCHES(client)
#define HEAD_IS(seq) VAULT_SAYS, 0x40, 32, 1, 0, 0, 0, 0, 0, 0, 0, seq, 2

const struct fuzz_seed fuzz_seeds[] = {
	SEED("login", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 1), VAULT_COMES, HEAD_IS(1),
	     PLAN_OF(0, 1), ANSWERS(0), VERDICT_IS(0, KM_VERDICT_ALLOW), LEAVE, 0),
	SEED("retry", VAULT_COMES, HEAD_IS(3), COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 1),
	     PLAN_OF(0, 2), ANSWERS(0), VERDICT_IS(0, KM_VERDICT_RETRY), ANSWERS(0),
	     VERDICT_IS(0, KM_VERDICT_NEXT), ANSWERS(0), VERDICT_IS(0, KM_VERDICT_RETRY)),
	SEED("desk", COME, 0, HELLO_DESK(0), SAYS(0, 3, 9), VAULT_COMES, VERDICT_IS(0, 1)),
	SEED("deadline", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 1), TIME, 0, TIME, 1, TIME, 2),
	SEED("vault-goes", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 1), VAULT_COMES, PLAN_OF(0, 1),
	     VAULT_GOES, TIME, 3, COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 1), VAULT_COMES),
	SEED("vault-silent", COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 1), VAULT_DEAF, TIME, 2, TIME,
	     1),
	SEED("vault-deaf", VAULT_COMES, COME, 0, HELLO_DOOR(0), LOGIN_AS(0, 1, 1), VAULT_DEAF, COME,
	     0, HELLO_DOOR(1), LOGIN_AS(1, 1, 1), COME, 0, HELLO_DOOR(2), LOGIN_AS(2, 1, 1), COME,
	     0, HELLO_DOOR(3), LOGIN_AS(3, 1, 1), COME, 0, HELLO_DOOR(4), LOGIN_AS(4, 1, 1), LEAVE,
	     4, COME, 0, HELLO_DOOR(4), LOGIN_AS(4, 1, 1), VAULT_COMES, VAULT_DEAF, VAULT_GOES),
	SEED("descriptor", COME, 0, SAY_WITH_FD, 0, 2, COME, 0, HELLO_DOOR(1), LOGIN_AS(1, 1, 1),
	     SAY_WITH_FD, 1, 1, LEAVE, 1),
	SEED("crowd", COME, 1, COME, 1, COME, 1, COME, 1, COME, 1, HELLO_DOOR(4), LOGIN_AS(4, 1, 1),
	     COME, 1, COME, 1, COME, 1, COME, 1, COME, 1, VAULT_COMES, TIME, 1),
	SEED("raw", COME, 0, SAY_RAW, 0, 4, 1, 2, 3, 4, VAULT_COMES, VAULT_RAW, 4, 32, 0, 0, 0),
	SEED("finger", TO_FINGER(0), GRANTS(0, 9), SENSOR_COMES, EVENT_IS(9, 1), EVENT_IS(9, 2),
	     EVENT_IS(9, 20), VERDICT_IS(0, KM_VERDICT_ALLOW)),
	SEED("finger-goes", TO_FINGER(0), GRANTS(0, 9), SENSOR_COMES, SENSOR_GOES, SENSOR_COMES,
	     SENSOR_GOES, VERDICT_IS(0, KM_VERDICT_RETRY)),
	SEED("finger-silent", TO_FINGER(0), GRANTS(0, 9), SENSOR_COMES, SENSOR_SILENT,
	     VERDICT_IS(0, KM_VERDICT_RETRY), LEAVE, 0),
	SEED("finger-left", TO_FINGER(0), GRANTS(0, 9), SENSOR_COMES, LEAVE, 0, EVENT_IS(9, 1)),
	SEED("sensor-deaf", TO_FINGER(0), GRANTS(0, 9), SENSOR_COMES, SENSOR_DEAF, VAULT_SAYS, 0x40,
	     34, 5, 60, 0, 99, VAULT_SAYS, 0x40, 35, 5, VAULT_SAYS, 0x40, 34, 6, 60, 0, 99,
	     SENSOR_COMES, SENSOR_RAW, 3, 72, 0, 0),
	SEED("enrolment", VAULT_COMES, HEAD_IS(1), VAULT_SAYS, 0x40, 34, 5, 60, 0, 99, SENSOR_COMES,
	     EVENT_IS(5, 2), VAULT_GOES),
	SEED("pts", COME, 0, HELLO_DOOR(0), SAYS(0, 2, 1, 1, 0, 0, 0, 0, 2, 4, 5, 0, 0, 7)),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "user/", NULL };

static const char *const words[] = {
	"", "hanako", "sshd", "taro", "pts/1", "10.0.0.1", "ja", NULL
};
static const struct fuzz_ideas ideas = { .words = words };

static struct judge judge;
static struct judge *const j = &judge;
static struct judge_ports ports;
static char door_path[96], vault_path[96], sensor_path[96];
static int door, listener, sensor_listener, nothing;

static struct {
	int client[CLIENTS]; /* -1: none */
	uint32_t session[CLIENTS];
	int copy[CLIENTS]; /* the vault's */
	int vault, sensor;
	bool deaf, sensor_deaf;
	unsigned gifts;
	uid_t uid; /* of whoever comes next */
	sd_event_source *timer[TIMERS];
	unsigned timers;
} world;

/* --- calls that the judge makes (-Wl,--wrap) ------------------------------------------ */

km_rc __real_km_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid);
km_rc __wrap_km_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid);
km_rc __wrap_km_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid)
{
	km_rc rc = __real_km_peer(fd, pid, uid, gid);

	*uid = world.uid;
	return rc;
}

/* Nobody is born in a fuzzer. */
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	return -1;
}

/* Every timer is remembered, so that its time can come when the input says. */
int __real_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
				      uint64_t usec, uint64_t accuracy, sd_event_time_handler_t f,
				      void *arg);
int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
				      uint64_t usec, uint64_t accuracy, sd_event_time_handler_t f,
				      void *arg);
int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
				      uint64_t usec, uint64_t accuracy, sd_event_time_handler_t f,
				      void *arg)
{
	/* A day later: no timer fires because a machine is slow. */
	int r =
	    __real_sd_event_add_time_relative(e, s, clock, usec + 86400000000u, accuracy, f, arg);
	sd_event_source **place = &world.timer[world.timers++ % TIMERS];

	sd_event_source_unref(*place);
	*place = r < 0 ? NULL : sd_event_source_ref(*s);
	return r;
}

/* One timer serves the deadlines of all sessions. */
static void deadline_comes(unsigned n)
{
	struct judge_session *s = &j->sessions[n % JUDGE_SESSIONS];

	if (s->id == 0)
		return;
	s->deadline_ms = 1;
	sd_event_source_set_time(j->deadlines, 1);
	sd_event_source_set_enabled(j->deadlines, SD_EVENT_ONESHOT);
}

static void its_time_comes(struct fuzz_in *in)
{
	unsigned n = fuzz_u8(in);
	sd_event_source *s = world.timer[n % TIMERS];
	int on = 0;

	if (n >= TIMERS)
		deadline_comes(n - TIMERS);
	else if (s && sd_event_source_get_enabled(s, &on) >= 0 && on != SD_EVENT_OFF)
		sd_event_source_set_time(s, 1);
}

/* --- what is heard --------------------------------------------------------------------- */

static void client_hears(size_t i)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;

	while (world.client[i] >= 0 && km_recv(world.client[i], frame, sizeof(frame), &len, NULL,
					       NULL, MSG_DONTWAIT) == KM_OK) {
		fuzz_check(km_decode(frame, len, KM_FROM_JUDGE,
				     KM_PHASE_HEARD_NOTHING | KM_PHASE_TALK, &m) == KM_OK,
			   "a client hears no frame of the judge's");
		fuzz_check(m.number != KM_MSG_RESULT || (m.result.verdict != KM_VERDICT_ALLOW &&
							 m.result.verdict != KM_VERDICT_NEXT),
			   "the judge lets somebody in");
	}
}

/* The session of an OPEN belongs to whoever holds the other end; here: to the next without one. */
static void vault_is_asked(uint32_t session, int fd)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		if (world.client[i] < 0 || world.session[i])
			continue;
		world.session[i] = session;
		world.copy[i] = fd;
		return;
	}
	close(fd);
}

static void vault_hears(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;
	int fd = -1;

	while (world.vault >= 0 && !world.deaf &&
	       km_recv(world.vault, frame, sizeof(frame), &len, &fd, NULL, MSG_DONTWAIT) == KM_OK) {
		fuzz_check(km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_LINK | KM_PHASE_OPENED,
				     &m) == KM_OK,
			   "the vault hears no frame of the judge's");
		fuzz_check((fd >= 0) == (m.number == KM_MSG_OPEN), "a descriptor with %s",
			   km_message_name(m.number));
		if (m.number == KM_MSG_OPEN)
			vault_is_asked(m.session, fd);
		km_msg_wipe(&m);
	}
}

static void sensor_hears(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;

	while (world.sensor >= 0 && !world.sensor_deaf &&
	       km_recv(world.sensor, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) == KM_OK)
		fuzz_check(km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_SENSOR, &m) == KM_OK,
			   "the sensor hears no frame of the judge's");
}

static void settle(void)
{
	while (sd_event_run(j->event, 0) > 0)
		;
	sensor_hears();
	for (size_t i = 0; i < CLIENTS; i++)
		client_hears(i);
	vault_hears();
}

/* --- acts ----------------------------------------------------------------------------- */

static void come(struct fuzz_in *in)
{
	static const uid_t uids[] = { 0, 1000, 1001, 65534 };
	size_t i = 0;

	world.uid = uids[fuzz_u8(in) % 4];
	while (i < CLIENTS && world.client[i] >= 0)
		i++;
	if (i < CLIENTS && km_connect(door_path, true, &world.client[i]) != KM_OK)
		world.client[i] = -1;
}

static void forget(size_t i)
{
	if (world.copy[i] >= 0)
		close(world.copy[i]);
	world.copy[i] = -1;
	world.session[i] = 0;
}

static void leave(size_t i)
{
	if (world.client[i] >= 0)
		close(world.client[i]);
	world.client[i] = -1;
	forget(i);
}

static void vault_comes(void)
{
	if (world.vault < 0)
		world.vault = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	world.deaf = false;
}

/* It does not read, and little waits in its socket: the judge has to queue. */
static void vault_goes_deaf(void)
{
	const int little = 1;

	world.deaf = true;
	if (j->link.fd >= 0)
		setsockopt(j->link.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
}

static void vault_goes(void)
{
	if (world.vault >= 0)
		close(world.vault);
	world.vault = -1;
	for (size_t i = 0; i < CLIENTS; i++)
		forget(i);
}

static void sensor_comes(void)
{
	if (world.sensor < 0)
		world.sensor = accept4(sensor_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	world.sensor_deaf = false;
}

static void sensor_goes(void)
{
	if (world.sensor >= 0)
		close(world.sensor);
	world.sensor = -1;
}

static void sensor_goes_deaf(void)
{
	const int little = 1;

	world.sensor_deaf = true;
	if (j->sensor.fd >= 0)
		setsockopt(j->sensor.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
}

/* The time of every capture is over, and it has said nothing. */
static void sensor_is_silent(void)
{
	for (size_t i = 0; i < JUDGE_CAPTURES; i++)
		j->sensor.capture[i].ends_ms = -JUDGE_SENSOR_MARGIN * 1000;
	if (j->sensor.guard)
		sd_event_source_set_time(j->sensor.guard, 1);
}

static void send_frame(int fd, const uint8_t *frame, size_t len, int gift)
{
	km_rc rc;

	if (fd < 0 || len == 0)
		return;
	rc = km_send(fd, frame, len, gift, MSG_DONTWAIT);
	world.gifts += gift >= 0 && rc == KM_OK;
}

/* fd says a message of the input's. session 0x40…: none of the known ones. */
static void say(struct fuzz_in *in, int fd, uint8_t which, bool vault)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len = 0;

	fuzz_message(in, fuzz_u8(in), &ideas, &m);
	if (vault && which & 0x80)
		m.session = (uint32_t)fuzz_integer(in, 4);
	else if (vault && !(which & 0x40))
		m.session = world.session[which % CLIENTS];
	if (km_encode(&m, frame, sizeof(frame), &len) == KM_OK)
		send_frame(fd, frame, len, -1);
}

static void act_of_sensor(struct fuzz_in *in, enum act what)
{
	static uint8_t raw[KM_FRAME_MAX];

	if (what == SENSOR_SAYS)
		say(in, world.sensor, 0, false);
	else if (what == SENSOR_RAW)
		send_frame(world.sensor, raw, fuzz_bytes(in, raw, 200), -1);
	else if (what == SENSOR_GOES)
		sensor_goes();
	else if (what == SENSOR_DEAF)
		sensor_goes_deaf();
	else if (what == SENSOR_SILENT)
		sensor_is_silent();
}

static void act(struct fuzz_in *in)
{
	static uint8_t raw[KM_FRAME_MAX];
	enum act what = fuzz_u8(in) % ACTS;
	uint8_t which = what >= SAY && what <= LEAVE ? fuzz_u8(in) : 0;
	int fd = world.client[which % CLIENTS];

	if (what == COME)
		come(in);
	else if (what == SAY)
		say(in, fd, which, false);
	else if (what == SAY_RAW)
		send_frame(fd, raw, fuzz_bytes(in, raw, 1200), -1);
	else if (what == SAY_WITH_FD && world.gifts < GIFTS)
		send_frame(fd, raw, 1u + fuzz_u8(in), nothing);
	else if (what == LEAVE)
		leave(which % CLIENTS);
	else if (what == VAULT_COMES)
		vault_comes();
	else if (what == VAULT_SAYS)
		say(in, world.vault, fuzz_u8(in), true);
	else if (what == VAULT_RAW)
		send_frame(world.vault, raw, fuzz_bytes(in, raw, 200), -1);
	else if (what == VAULT_GOES)
		vault_goes();
	else if (what == VAULT_DEAF)
		vault_goes_deaf();
	else if (what == VAULT_DROPS)
		forget(fuzz_u8(in) % CLIENTS);
	else if (what == TIME)
		its_time_comes(in);
	else if (what == SENSOR_COMES)
		sensor_comes();
	else
		act_of_sensor(in, what);
	settle();
}

/* --- one run ---------------------------------------------------------------------------- */

static void find_origin(struct judge *judge_, struct judge_session *s, struct judge_facts *facts)
{
	(void)judge_;
	facts->has_session = true;
	facts->session_remote = s->pid & 1;
}

void fuzz_begin(void)
{
	snprintf(door_path, sizeof(door_path), "%s/door", fuzz_folder());
	snprintf(vault_path, sizeof(vault_path), "%s/vault", fuzz_folder());
	snprintf(sensor_path, sizeof(sensor_path), "%s/sensor", fuzz_folder());
	fuzz_check(km_listen_at(door_path, 0600, (uid_t)-1, (gid_t)-1, &door) == KM_OK &&
		       km_listen_at(vault_path, 0600, (uid_t)-1, (gid_t)-1, &listener) == KM_OK &&
		       km_listen_at(sensor_path, 0600, (uid_t)-1, (gid_t)-1, &sensor_listener) ==
			   KM_OK,
		   "no sockets");
	fuzz_check(fcntl(listener, F_SETFL, O_NONBLOCK) == 0 &&
		       fcntl(sensor_listener, F_SETFL, O_NONBLOCK) == 0,
		   "no socket without waiting");
	nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ports = judge_real_ports;
	ports.find_origin = find_origin;
}

static void begin(void)
{
	memset(&world, 0, sizeof(world));
	world.vault = world.sensor = -1;
	for (size_t i = 0; i < CLIENTS; i++)
		world.client[i] = world.copy[i] = -1;
	judge = (struct judge){ .ports = &ports,
				.limits = calloc(1, sizeof(struct judge_limits)),
				.owner = -1,
				.vault_uid = getuid(),
				.vault_path = vault_path,
				.sensor_path = sensor_path,
				.sensor_uid = getuid(),
				.link = { .fd = -1 },
				.sensor = { .fd = -1 },
				.anchor = { .fd = nothing },
				.announced = true,
				.notified = true };
	km_conf_defaults(&judge.conf);
	fuzz_check(j->limits && sd_event_new(&j->event) >= 0 && judge_sessions_init(j) == KM_OK &&
		       judge_listen(j, door) == KM_OK,
		   "no judge");
}

/* All go, and nobody may be left inside. */
static void everybody_leaves(void)
{
	unsigned kept;

	for (size_t i = 0; i < CLIENTS; i++)
		leave(i);
	settle();
	vault_goes();
	settle();
	kept = JUDGE_SESSIONS - j->vacancies;
	fuzz_check(kept <= world.gifts, "%u sessions never end", kept);
	for (size_t i = 0; i < JUDGE_CAPTURES; i++)
		fuzz_check(!j->sensor.capture[i].used, "a capture is left");
	fuzz_check(j->limits->total == kept, "%u are counted of %u", j->limits->total, kept);
	fuzz_check(fuzz_is_zero(j->frame, sizeof(*j->frame)), "a frame was not wiped");
	fuzz_check(sd_event_get_state(j->event) != SD_EVENT_FINISHED, "the judge ended");
}

static void end(unsigned before)
{
	int stale;

	judge_link_down(j, false);
	judge_sensor_down(j);
	sensor_goes();
	judge_sessions_free(j);
	judge_listen_end(j);
	for (size_t i = 0; i < TIMERS; i++)
		sd_event_source_unref(world.timer[i]);
	j->event = sd_event_unref(j->event);
	free(j->limits);
	/* A judge that came while the vault was away is in the queue still. */
	while ((stale = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(stale);
	while ((stale = accept4(sensor_listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(stale);
	while ((stale = accept4(door, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(stale);
	/* What carried descriptors is kept on purpose (authd/farewell.c). */
	if (world.gifts)
		close_range((unsigned)nothing + 1, ~0u, 0);
	fuzz_check(fuzz_descriptors() == before, "a descriptor is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned before = fuzz_descriptors();

	begin();
	while (in.left)
		act(&in);
	everybody_leaves();
	end(before);
	return 0;
}
