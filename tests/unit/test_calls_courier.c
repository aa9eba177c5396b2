/*
 * Every call of libc fails, once and from then on, while a message goes through the courier to
 * smstools' folders and comes up in sent, or waits there and is cancelled. Whatever fails: an order
 * ends at most once; what has failed is in nobody's way, so it never goes out; and what is in doubt
 * is said to be. And where nothing fails, smstools sees each message whole, once it is on the disk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../authd/courier/drivers.h"
#include "../fault/fault.h"
#include "courier_scene.h"
#include "folder.h"

static const struct {
	enum fault_call call;
	const char *name;
	int errors[3];
	bool comes; /* such calls are made */
} kinds[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM }, true },
	{ FAULT_MMAP, "mmap", { ENOMEM }, true },
	{ FAULT_MADVISE, "madvise", { EINVAL }, true },
	{ FAULT_MLOCK, "mlock", { EPERM }, true },
	{ FAULT_EPOLL, "epoll", { ENOMEM, EINTR }, true },
	{ FAULT_SENDMSG, "sendmsg", { EPIPE, ENOBUFS, EAGAIN }, true },
	{ FAULT_RECVMSG, "recvmsg", { ECONNRESET, ENOMEM, EAGAIN }, true },
	{ FAULT_GETRANDOM, "getrandom", { ENOSYS }, true },
	/* not clock_gettime: without a clock sd-event ends the process */
	{ FAULT_OPEN, "open", { EMFILE, EACCES }, true },
	{ FAULT_FOLDER, "readdir", { EIO }, true },
	{ FAULT_STAT, "stat", { EIO }, true },
	{ FAULT_READ, "read", { EIO }, false },
	{ FAULT_WRITE, "write", { EIO, ENOSPC }, true },
	{ FAULT_SYNC, "sync", { EIO, ENOSPC }, true },
	{ FAULT_NAME, "rename, unlink", { EIO, ENOSPC }, true },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char dir[64];

static void path_of(char out[PATH_MAX], const char *folder, const char *name)
{
	assert_true(snprintf(out, PATH_MAX, "%s/%s/%s", dir, folder, name) < PATH_MAX);
}

static void make_folders(void)
{
	static const char *const folders[] = { "outgoing", "sent", "failed" };
	char path[PATH_MAX];

	snprintf(dir, sizeof(dir), "/tmp/kenmon-calls-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 3; i++) {
		path_of(path, folders[i], "");
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

/* Files that smstools would see. */
static unsigned visible_in(const char *folder, char name[NAME_MAX + 1])
{
	char path[PATH_MAX];
	const struct dirent *e;
	unsigned count = 0;
	DIR *d;

	path_of(path, folder, "");
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, NAME_MAX + 1, "%s", e->d_name);
		count++;
	}
	closedir(d);
	return count;
}

/* What the vault has heard of order 1: its end, 0 for none. */
static unsigned heard_end(struct scene *s)
{
	unsigned end = 0;
	struct km_msg m;

	while (scene_heard(s, &m)) {
		assert_int_equal(m.ordered.order, 1);
		if (!km_order_state_ends(m.ordered.state))
			continue;
		assert_int_equal(end, 0); /* once */
		end = m.ordered.state;
	}
	return end;
}

static bool open_all(struct scene *s, int pair[2])
{
	s->vault = pair[0];
	s->c = (struct courier){ .vault = pair[1], .vault_uid = -1, .conf_path = "/dev/null" };
	if (!courier_init(&s->c))
		return false;
	km_conf_defaults(&s->c.settings->conf);
	s->c.settings->conf.sms.gateway = KM_GATEWAY_SPOOL;
	snprintf(s->c.settings->conf.sms.spool, sizeof(s->c.settings->conf.sms.spool), "%s", dir);
	s->c.driver[COURIER_MESSAGES] = &sms_spool_driver;
	return sms_spool_driver.open(&s->c, s->c.settings) == KM_OK && courier_listen(&s->c);
}

static void turn_a_while(struct scene *s)
{
	for (unsigned i = 0; i < 10 && s->c.event; i++)
		if (!scene_turn(s))
			return;
}

/* What smstools does, and no call of it fails. */
static void move_to_sent(bool *moved)
{
	char from[PATH_MAX], to[PATH_MAX], name[NAME_MAX + 1];

	if (visible_in("outgoing", name) == 0)
		return;
	path_of(from, "outgoing", name);
	path_of(to, "sent", name);
	assert_int_equal(rename(from, to), 0);
	*moved = true;
}

/* One message, sent or cancelled. */
static void one_story(bool cancel)
{
	struct scene s = { .vault = -1 };
	const struct km_msg order = scene_message(1, 60000),
			    stop = { .number = KM_MSG_CANCEL, .cancel = { .order = 1 } };
	char name[NAME_MAX + 1];
	bool moved = false;
	unsigned end;
	int pair[2];

	fault_pause(true);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	scene_say(&(struct scene){ .vault = pair[0] }, &order);
	fault_pause(false);
	if (open_all(&s, pair)) {
		turn_a_while(&s);
		fault_pause(true);
		if (cancel)
			(void)!km_send_msg(s.vault, &stop, -1, MSG_DONTWAIT);
		else
			move_to_sent(&moved);
		fault_pause(false);
		turn_a_while(&s);
	}
	fault_pause(true);
	end = heard_end(&s);
	if (end == KM_ORDER_STATE_FAILED)
		assert_true(moved || visible_in("outgoing", name) == 0);
	if (end == KM_ORDER_STATE_TAKEN)
		assert_true(moved);
	assert_true(end == 0 || end == KM_ORDER_STATE_FAILED || end == KM_ORDER_STATE_TAKEN ||
		    end == KM_ORDER_STATE_UNKNOWN);
	fault_pause(false);
	scene_close(&s);
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int i = 0; i < 128; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* How many calls of that kind there were. */
static unsigned try(size_t kind, unsigned k, int error, bool for_good, bool cancel)
{
	unsigned open = descriptors();
	struct fault_count count;

	make_folders();
	fault_begin(kinds[kind].call, k, error, for_good);
	one_story(cancel);
	count = fault_end();
	assert_int_equal(descriptors(), open);
	assert_int_equal(folder_remove(dir), 0);
	return count.calls[kinds[kind].call];
}

static void matrix(bool cancel)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		unsigned calls = try(kind, 0, 0, false, cancel);

		if (kinds[kind].call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		if (kinds[kind].comes && calls == 0)
			fail_msg("no %s was tried", kinds[kind].name);
		for (size_t e = 0; e < 3 && kinds[kind].errors[e]; e++)
			for (unsigned k = 1; k <= calls; k++)
				for (unsigned good = 0; good < 2; good++)
					(void)try(kind, k, kinds[kind].errors[e], good, cancel);
	}
}

static void
test_c3_whatever_fails_while_a_message_is_sent_nothing_is_said_twice_or_wrongly(void **state)
{
	(void)state;
	matrix(false);
}

static void
test_c3_whatever_fails_while_a_message_is_cancelled_what_failed_never_goes_out(void **state)
{
	(void)state;
	matrix(true);
}

/* --- what smstools sees of it ---------------------------------------------------------------- */

#define STEPS 8

/* Flushes and renames while a message goes out, in their order. */
static struct step {
	char what; /* f: a file is flushed, d: a folder, n: a file gets a name */
	ino_t file;
	off_t size;
	bool hidden, shown; /* its name before and behind a rename */
} steps[STEPS];
static unsigned step_count;

static void write_down(enum fault_call call, int fd, const char *name, const char *to)
{
	struct stat st;

	assert_true(step_count < STEPS);
	if (call == FAULT_SYNC)
		assert_int_equal(fstat(fd, &st), 0);
	else
		assert_int_equal(fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	steps[step_count++] = (struct step){
		.what = call == FAULT_NAME    ? 'n'
			: S_ISDIR(st.st_mode) ? 'd'
					      : 'f',
		.file = st.st_ino,
		.size = st.st_size,
		.hidden = name && name[0] == '.',
		.shown = to && to[0] != '.',
	};
}

/* A message goes into outgoing, and waits there. */
static void put_one_out(struct scene *s, char name[NAME_MAX + 1])
{
	const struct km_msg order = scene_message(1, 60000);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(open_all(s, pair));
	scene_say(s, &order);
	turn_a_while(s);
	assert_int_equal(visible_in("outgoing", name), 1);
}

static void test_a_message_is_on_the_disk_whole_before_it_has_its_name(void **state)
{
	struct scene s = { .vault = -1 };
	char name[NAME_MAX + 1], path[PATH_MAX];
	struct stat st;

	(void)state;
	make_folders();
	step_count = 0;
	fault_listen(write_down);
	put_one_out(&s, name);
	fault_listen(NULL);
	path_of(path, "outgoing", name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(step_count, 3);
	assert_int_equal(steps[0].what, 'f');
	assert_int_equal(steps[0].file, st.st_ino);
	assert_int_equal(steps[0].size, st.st_size);
	assert_int_equal(steps[1].what, 'n');
	assert_int_equal(steps[1].file, st.st_ino);
	assert_true(steps[1].hidden && steps[1].shown);
	/* And that it has the name is on the disk too. */
	assert_int_equal(steps[2].what, 'd');
	scene_close(&s);
	assert_int_equal(folder_remove(dir), 0);
}

static int watch_outgoing(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[PATH_MAX];

	path_of(path, "outgoing", "");
	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, path, IN_ALL_EVENTS) >= 0);
	return fd;
}

/* All that has happened to files of that name; what happened to any, beside it. */
static uint32_t happened_to(int fd, const char *name, uint32_t *to_any)
{
	union {
		struct inotify_event first;
		char bytes[4096];
	} buf;
	ssize_t n = read(fd, &buf, sizeof(buf));
	uint32_t seen = 0;

	*to_any = 0;
	assert_true(n > 0);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf.bytes + at);

		at += (ssize_t)(sizeof(*e) + e->len);
		*to_any |= e->mask;
		if (e->len > 0 && strcmp(e->name, name) == 0)
			seen |= e->mask;
	}
	return seen;
}

static void test_under_the_name_that_smstools_sees_nothing_is_made_or_written(void **state)
{
	struct scene s = { .vault = -1 };
	char name[NAME_MAX + 1];
	uint32_t any = 0;
	int fd;

	(void)state;
	make_folders();
	fd = watch_outgoing();
	put_one_out(&s, name);
	assert_int_equal(happened_to(fd, name, &any), IN_MOVED_TO);
	/* The watch does see what is made and written. */
	assert_int_equal(any & (IN_CREATE | IN_MODIFY), IN_CREATE | IN_MODIFY);
	close(fd);
	scene_close(&s);
	assert_int_equal(folder_remove(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_c3_whatever_fails_while_a_message_is_sent_nothing_is_said_twice_or_wrongly),
		cmocka_unit_test(
		    test_c3_whatever_fails_while_a_message_is_cancelled_what_failed_never_goes_out),
		cmocka_unit_test(test_a_message_is_on_the_disk_whole_before_it_has_its_name),
		cmocka_unit_test(test_under_the_name_that_smstools_sees_nothing_is_made_or_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
