/*
 * A whole vault on a folder of its own, with the test as its judge, its client and its desk. Each
 * test includes this once.
 */
#ifndef KENMON_TESTS_VAULT_ROOM_H
#define KENMON_TESTS_VAULT_ROOM_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "../../authd/vault/codes.h"
#include "../../authd/vault/courier.h"
#include "../../authd/vault/vault.h"
#include "order.h"

static struct room {
	char dir[48], state[64], key[80], door[64];
	struct vault *v;
	int judge, door_fd; /* our end of its link; where clients connect */
	uint32_t session;
	uint8_t op; /* of the last operation */
} room;

/* --- up and down -------------------------------------------------------------------- */

static inline void judge_comes(void)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	room.v->judge = ready.data.fd = pair[0];
	room.v->anchored = true;
	room.judge = pair[1];
	assert_int_equal(epoll_ctl(room.v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
}

/* A vault on the folder that room.dir names; what is not there yet is made. */
static inline int room_start(void)
{
	struct vault *v = calloc(1, sizeof(*v));

	km_log_open("test", NULL, LOG_EMERG - 1);
	snprintf(room.state, sizeof(room.state), "%s/state", room.dir);
	snprintf(room.key, sizeof(room.key), "%s/master.key", room.state);
	snprintf(room.door, sizeof(room.door), "%s/door", room.dir);
	room.v = v;
	if (!v || (mkdir(room.state, 0700) && errno != EEXIST))
		return -1;
	v->listener = v->judge = v->matcher_door = v->matcher = -1;
	v->courier_door = v->courier = -1;
	v->has_owner = true;
	v->owner = geteuid();
	v->conf_path = room.key; /* no configuration, and nobody reloads */
	v->machine_id_path = "/nonexistent";
	for (size_t i = 0; i < VAULT_LINES; i++)
		v->line[i].fd = -1;
	km_conf_defaults(&v->conf);
	v->poll = epoll_create1(EPOLL_CLOEXEC);
	v->frame = km_locked_new(KM_FRAME_MAX);
	v->in = km_locked_new(sizeof(*v->in));
	if (km_keys_open(room.state, room.key, true, &v->keys) != KM_OK ||
	    store_open(room.state, v->keys, &v->store, NULL, 0) != KM_OK ||
	    km_clock_read(&v->now) != KM_OK ||
	    km_listen_at(room.door, 0600, (uid_t)-1, (gid_t)-1, &room.door_fd) != KM_OK)
		return -1;
	v->before = v->now;
	store_set_now(v->store, &v->now);
	if (code_init() != KM_OK || check_init(v) != KM_OK)
		return -1;
	epoch_look(v);
	feed_look(v);
	due_look(v);
	judge_comes();
	return 0;
}

static inline void room_stop(void)
{
	struct vault *v = room.v;

	for (size_t i = 0; i < VAULT_LINES; i++)
		line_close(v, &v->line[i]);
	for (size_t i = 0; i < VAULT_SESSIONS; i++)
		if (v->session_id[i])
			session_end(v, &v->session[i]);
	queue_free(&v->to_judge);
	orders_free(v);
	roster_forget(v);
	backup_drop(v, NULL);
	store_close(v->store);
	km_keys_close(v->keys);
	km_locked_free(v->frame, KM_FRAME_MAX);
	km_locked_free(v->in, sizeof(*v->in));
	if (v->judge >= 0)
		close(v->judge);
	close(v->poll);
	close(room.judge);
	close(room.door_fd);
	free(v);
	room.v = NULL;
}

static inline void remove_all(const char *dir)
{
	char path[400];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%.100s/%.200s", dir, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(path))
			remove_all(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

/* A folder and all in it, but sockets. */
static inline void copy_tree(const char *from, const char *to)
{
	char source[256], target[256];
	static char bytes[1 << 20];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(from);

	assert_non_null(d);
	assert_int_equal(mkdir(to, 0700), 0);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(source, sizeof(source), "%.100s/%.100s", from, e->d_name);
		snprintf(target, sizeof(target), "%.100s/%.100s", to, e->d_name);
		assert_int_equal(lstat(source, &st), 0);
		if (S_ISDIR(st.st_mode)) {
			copy_tree(source, target);
		} else if (S_ISREG(st.st_mode)) {
			int in = open(source, O_RDONLY | O_CLOEXEC);
			int out = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
			ssize_t n = read(in, bytes, sizeof(bytes));

			assert_true(n >= 0 && n < (ssize_t)sizeof(bytes));
			assert_int_equal(write(out, bytes, (size_t)n), n);
			close(in);
			close(out);
		}
	}
	closedir(d);
}

static inline int open_room(void **state)
{
	(void)state;
	memset(&room, 0, sizeof(room));
	/* In memory where that can be: no disk is under test here. */
	snprintf(room.dir, sizeof(room.dir), "%s/kenmon-room-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(room.dir) ? room_start() : -1;
}

static inline int close_room(void **state)
{
	(void)state;
	room_stop();
	remove_all(room.dir);
	return 0;
}

/* --- frames --------------------------------------------------------------------------- */

static inline km_rc hear(int fd, unsigned phases, struct km_msg *m, int *passed)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;
	km_rc rc = km_recv(fd, frame, sizeof(frame), &len, passed, NULL, MSG_DONTWAIT);

	return rc == KM_OK ? km_decode(frame, len, KM_FROM_VAULT, phases, m) : rc;
}

static inline void judge_says(const struct km_msg *m, int fd)
{
	assert_int_equal(km_send_msg(room.judge, m, fd, 0), KM_OK);
	vault_round(room.v, 0);
}

/* The next word about a session; where the chain ends is told in between. */
static inline struct km_msg judge_hears(void)
{
	struct km_msg m;

	do
		assert_int_equal(hear(room.judge,
				      KM_PHASE_OPENING | KM_PHASE_CHECKING | KM_PHASE_JUDGE_LINK,
				      &m, NULL),
				 KM_OK);
	while (m.number == KM_MSG_HEAD);
	return m;
}

/* Somebody connects, and the judge passes them on. Returns their end. */
static inline int opens(unsigned kind, const char *login, uint32_t uid)
{
	struct km_msg m = { .number = KM_MSG_OPEN, .session = ++room.session };
	int client = -1, accepted;

	assert_int_equal(km_connect(room.door, false, &client), KM_OK);
	accepted = accept4(room.door_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	m.open.kind = (uint8_t)kind;
	m.open.uid = uid;
	snprintf(m.open.login, sizeof(m.open.login), "%s", login);
	snprintf(m.open.service, sizeof(m.open.service), "test");
	judge_says(&m, accepted);
	close(accepted);
	return client;
}

/* A desk's private line. */
static inline int desk_comes(void)
{
	int client = opens(KM_REQUEST_DESK, "", geteuid()), line = -1;
	struct km_msg m;

	assert_int_equal(hear(client, KM_PHASE_TALK, &m, &line), KM_OK);
	assert_int_equal(m.number, KM_MSG_DESK_LINE);
	assert_true(line >= 0);
	close(client);
	return line;
}

/* Sends an operation under a new id, or an answer; the next frame is in *m. */
static inline void desk_asks(int line, struct km_msg *m)
{
	if (m->number != KM_MSG_ANSWER && m->number != KM_MSG_ABORT)
		memset(m->status.op, ++room.op, sizeof(m->status.op));
	assert_int_equal(km_send_msg(line, m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, m, NULL), KM_OK);
}

/* What DONE says of an operation, rows in between passed over. */
static inline struct msg_done desk_does(int line, struct km_msg m)
{
	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE)
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	return m.done;
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, open_room, close_room)

#endif
