/*
 * Who may be the matcher: one peer of its uid, by the kernel's word, on a real listening socket;
 * and one that comes again is let in at once.
 */
#include <errno.h>

#include "finger_world.h"

#define FOREIGN_UID 4712

static int at_the_door(void **state)
{
	(void)finger_world_up(state);
	matcher_goes();
	fw.w->v->matcher_door = fw.w->listener;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_DOOR(test_one_of_our_own_uid_is_the_matcher_where_rooms_share_one),
		AT_THE_DOOR(test_one_of_another_uid_is_turned_away_even_root),
		AT_THE_DOOR(test_one_of_the_matchers_uid_is_let_in),
		AT_THE_DOOR(test_a_second_one_is_turned_away_and_the_first_stays),
		AT_THE_DOOR(test_one_that_was_started_again_is_let_in_at_once),
		AT_THE_DOOR(test_a_frame_with_a_descriptor_ends_its_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
