/*
 * Who may be the matcher: one peer of its uid, by the kernel's word, on a real listening socket;
 * and one that comes again is let in at once.
 */
#include <errno.h>

#include "../../authd/vault/grant.h"
#include "finger_world.h"

#define FOREIGN_UID 4712

static int at_the_door(void **state)
{
	(void)finger_world_up(state);
	matcher_goes();
	fw.w->v->matcher_door = fw.w->listener;
	matcher_expect(fw.w->v);
	return 0;
}

#define AT_THE_DOOR(test) cmocka_unit_test_setup_teardown(test, at_the_door, finger_world_down)

/* Somebody connects, and says HELLO if they can. Our end. */
static int comes(void)
{
	struct km_msg hello = { .number = KM_MSG_MATCHER };
	int fd = -1;

	assert_int_equal(km_connect(fw.w->sock, false, &fd), KM_OK);
	hello.matcher.version = KM_ROOM_PROTOCOL;
	assert_int_equal(km_send_msg(fd, &hello, -1, 0), KM_OK);
	matcher_accept(fw.w->v);
	world_round(fw.w);
	return fd;
}

static bool is_turned_away(int fd)
{
	uint8_t byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* As units do it, which know the matcher's user by name only. */
static void test_the_owner_of_the_socket_is_the_matcher_where_no_uid_is_named(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(fw.w->v->matcher_uid, geteuid());
	if (geteuid() != 0)
		skip(); /* nobody else's socket can be made */
	fw.w->v->has_matcher_uid = false;
	assert_int_equal(chown(fw.w->sock, FOREIGN_UID, FOREIGN_UID), 0);
	matcher_expect(fw.w->v);
	assert_int_equal(fw.w->v->matcher_uid, FOREIGN_UID);
	fd = comes();
	assert_true(is_turned_away(fd));
	close(fd);
}

static void test_a_uid_that_is_named_counts_more_than_the_sockets_owner(void **state)
{
	(void)state;
	fw.w->v->matcher_uid = FOREIGN_UID;
	matcher_expect(fw.w->v);
	assert_int_equal(fw.w->v->matcher_uid, FOREIGN_UID);
}

static void test_one_of_our_own_uid_is_the_matcher_where_rooms_share_one(void **state)
{
	int fd = comes();

	(void)state;
	assert_true(matcher_ready(fw.w->v));
	assert_false(is_turned_away(fd));
	close(fd);
}

static void test_one_of_another_uid_is_turned_away_even_root(void **state)
{
	int fd;

	(void)state;
	fw.w->v->has_matcher_uid = true;
	fw.w->v->matcher_uid = FOREIGN_UID;
	fd = comes();
	assert_int_equal(fw.w->v->matcher, -1);
	assert_true(is_turned_away(fd));
	close(fd);
}

static void test_one_of_the_matchers_uid_is_let_in(void **state)
{
	int fd;

	(void)state;
	fw.w->v->has_matcher_uid = true;
	fw.w->v->matcher_uid = geteuid();
	fd = comes();
	assert_true(matcher_ready(fw.w->v));
	close(fd);
}

static void test_a_second_one_is_turned_away_and_the_first_stays(void **state)
{
	int first = comes(), second = comes();

	(void)state;
	assert_true(is_turned_away(second));
	assert_false(is_turned_away(first));
	assert_true(matcher_ready(fw.w->v));
	close(first);
	close(second);
}

/* The vault may hear of the new one before it has heard of the old one's end. */
static void test_one_that_was_started_again_is_let_in_at_once(void **state)
{
	int first = comes(), second;

	(void)state;
	close(first);
	second = comes();
	assert_false(is_turned_away(second));
	assert_true(matcher_ready(fw.w->v));
	close(second);
}

static void test_a_frame_with_a_descriptor_ends_its_link(void **state)
{
	struct km_msg m = { .number = KM_MSG_MATCH };
	int fd = comes();

	(void)state;
	assert_int_equal(km_send_msg(fd, &m, fd, 0), KM_OK);
	world_round(fw.w);
	assert_true(is_turned_away(fd));
	assert_int_equal(fw.w->v->matcher, -1);
	assert_false(fw.w->v->stop);
	close(fd);
}

static void test_one_that_cannot_be_watched_is_not_kept(void **state)
{
	struct vault *v = fw.w->v;
	int poll = v->poll, fd = -1;

	(void)state;
	assert_int_equal(km_connect(fw.w->sock, false, &fd), KM_OK);
	v->poll = -1;
	matcher_accept(v);
	v->poll = poll;
	assert_int_equal(v->matcher, -1);
	assert_true(is_turned_away(fd));
	close(fd);
	/* Nor is one that has gone before it was let in any harm. */
	v->matcher_door = -1;
	matcher_accept(v);
	assert_int_equal(v->matcher, -1);
}

/* --- what a desk is told of it ---------------------------------------------------------- */

static int desk_comes(void)
{
	int client = world_open(fw.w, KM_REQUEST_DESK, ""), line = -1;
	struct km_msg m;

	assert_true(world_answered(fw.w, &m));
	assert_int_equal(world_client_heard(client, &line).number, KM_MSG_DESK_LINE);
	close(client);
	return line;
}

/* One operation on a line of its own; the rows that `is_it` wants go by, the last one stays. */
static struct km_msg desk_asks(struct km_msg m, bool (*is_it)(const struct km_msg *, const void *),
			       const void *arg)
{
	static uint8_t op;
	struct km_msg found = { .number = KM_MSG_NONE };
	uint8_t frame[KM_FRAME_MAX];
	int line = desk_comes();
	size_t len;

	memset(m.status.op, ++op, sizeof m.status.op);
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	world_round(fw.w);
	while (km_recv(line, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) == KM_OK) {
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &m),
				 KM_OK);
		if (is_it(&m, arg))
			found = m;
	}
	close(line);
	world_round(fw.w);
	assert_int_not_equal(found.number, KM_MSG_NONE);
	return found;
}

static bool is_status(const struct km_msg *m, const void *key)
{
	return m->number == KM_MSG_STATUS_ROW && strcmp(m->status_row.key, key) == 0;
}

static struct msg_status_row status_of(const char *key)
{
	return desk_asks((struct km_msg){ .number = KM_MSG_STATUS }, is_status, key).status_row;
}

static bool is_finger(const struct km_msg *m, const void *arg)
{
	(void)arg;
	return m->number == KM_MSG_CREDENTIAL_ROW &&
	       m->credential_row.factor == KM_FACTOR_FINGERPRINT;
}

static struct msg_credential_row alices_finger(void)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_LIST };

	snprintf(m.credential_list.login, sizeof m.credential_list.login, "alice");
	return desk_asks(m, is_finger, NULL).credential_row;
}

static bool is_done(const struct km_msg *m, const void *arg)
{
	(void)arg;
	return m->number == KM_MSG_DONE;
}

static void test_a_status_says_whether_it_is_there(void **state)
{
	int fd = comes();

	(void)state;
	assert_string_equal(status_of("matcher").value, "connected");
	close(fd);
	world_round(fw.w);
	assert_non_null(strstr(status_of("matcher").value, "not connected"));
	fw.w->v->matcher_door = -1;
	assert_non_null(strstr(status_of("matcher").value, "no socket"));
}

static void test_its_absence_is_an_alarm_where_somebody_has_a_finger(void **state)
{
	(void)state;
	world_add(fw.w, "alice", true, false);
	assert_int_equal(status_of("matcher").alarm, 0);
	assert_string_equal(status_of("with-a-finger").value, "0");
	(void)enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	(void)enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	assert_int_equal(status_of("matcher").alarm, 1);
	assert_string_equal(status_of("with-a-finger").value, "1");
	assert_string_equal(status_of("fingers").value, "2");
}

static void test_a_finger_is_listed_with_its_reader_and_the_wait_of_fingers(void **state)
{
	struct msg_credential_row row;
	uint64_t id;

	(void)state;
	world_add(fw.w, "alice", true, false);
	id = enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	set_throttle_of("alice", id, 50, INT64_MAX);
	row = alices_finger();
	assert_int_equal(row.id, id);
	assert_string_equal(row.label, "right-index");
	assert_string_equal(row.reader, "a reader");
	assert_int_equal(row.fails, 50);
	assert_int_equal(row.wait, UINT32_MAX);
	set_throttle_of("alice", id, 5, fw.w->v->now.wall + 25);
	assert_in_range(alices_finger().wait, 1, 25);
	/* No wait of a finger is longer: a clock that was ahead locks nobody out. */
	set_throttle_of("alice", id, 5, fw.w->v->now.wall + 3000);
	assert_int_equal(alices_finger().wait, 0);
}

static void test_an_administrator_unlocks_a_finger_that_is_disabled(void **state)
{
	struct km_msg m = { .number = KM_MSG_UNLOCK };
	uint8_t id[KM_GRANT_BYTES];

	(void)state;
	world_add(fw.w, "alice", true, false);
	set_throttle_of("alice", enrol_finger("alice", KM_FINGER_RIGHT_INDEX), 50, INT64_MAX);
	assert_false(asks_in("alice") & KM_SHAPE_TOUCH);
	snprintf(m.unlock.login, sizeof m.unlock.login, "alice");
	assert_int_equal(desk_asks(m, is_done, NULL).done.rc, 0);
	matcher_comes();
	waits_for_a_finger("alice", id);
	finds(id, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_DOOR(test_the_owner_of_the_socket_is_the_matcher_where_no_uid_is_named),
		AT_THE_DOOR(test_a_uid_that_is_named_counts_more_than_the_sockets_owner),
		AT_THE_DOOR(test_one_of_our_own_uid_is_the_matcher_where_rooms_share_one),
		AT_THE_DOOR(test_one_of_another_uid_is_turned_away_even_root),
		AT_THE_DOOR(test_one_of_the_matchers_uid_is_let_in),
		AT_THE_DOOR(test_a_second_one_is_turned_away_and_the_first_stays),
		AT_THE_DOOR(test_one_that_was_started_again_is_let_in_at_once),
		AT_THE_DOOR(test_a_frame_with_a_descriptor_ends_its_link),
		AT_THE_DOOR(test_one_that_cannot_be_watched_is_not_kept),
		AT_THE_DOOR(test_a_status_says_whether_it_is_there),
		AT_THE_DOOR(test_a_finger_is_listed_with_its_reader_and_the_wait_of_fingers),
		AT_THE_DOOR(test_an_administrator_unlocks_a_finger_that_is_disabled),
		AT_THE_DOOR(test_its_absence_is_an_alarm_where_somebody_has_a_finger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
