/*
 * Descriptors that a client sends. Whoever closes the last copy of one may have
 * to wait for whatever the client made of it, so the judge does not. All but
 * the last test turn the kernel's own help off, as on a kernel before 6.16.
 */
#include "real_judge.h"

#include <fcntl.h>
#include <time.h>

static int open_house_of_old(void **state)
{
	const int on = 1;

	if (open_house(state) < 0)
		return -1;
	/* ENOPROTOOPT: the kernel is that old. */
	return setsockopt(j->listen_fd, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof(on)) == 0 ||
		       errno == ENOPROTOOPT
		   ? 0
		   : -1;
}

#define ON_OLD(test) cmocka_unit_test_setup_teardown(test, open_house_of_old, close_house)

/* --- a descriptor, and whether anybody has closed it -------------------------------------- */

/* Sends one end of a pair, keeps no copy, and returns the other end. */
static int bait(int fd, size_t len)
{
	static const uint8_t junk[] = "x";
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(km_send(fd, junk, len, pair[1], MSG_DONTWAIT), KM_OK);
	close(pair[1]);
	return pair[0];
}

static bool taken(int hook)
{
	struct pollfd p = { .fd = hook, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

static void is_left_alone(int hook)
{
	assert_false(taken(hook));
	close(hook);
}

/* Somebody who came meanwhile is served within this turn. */
static void others_are_served(void)
{
	int copy, fd;
	uint32_t id = opened(&fd, &copy);

	plans(id);
	assert_int_equal(hears(fd).number, KM_MSG_WELCOME);
	assert_int_equal(hears(fd).number, KM_MSG_PROMPT);
	close(fd);
	settle();
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_CLOSE);
	close(copy);
}

static int comes(void)
{
	int fd = -1;

	assert_int_equal(km_connect(door, true, &fd), KM_OK);
	return fd;
}

static void sends_junk(int fd, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(km_send(fd, (const uint8_t *)"junk", 4, -1, MSG_DONTWAIT), KM_OK);
}

/* --- tests -------------------------------------------------------------------------------- */

static void test_a_descriptor_in_the_first_frame_is_refused_and_never_closed(void **state)
{
	int fd = comes(), hook = bait(fd, 1);

	(void)state;
	settle();
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
	is_left_alone(hook);
	others_are_served();
	assert_int_equal(j->vacancies, JUDGE_SESSIONS);
	assert_int_equal(j->limits->total, 0);
}

static void test_a_descriptor_behind_thirty_frames_is_never_closed(void **state)
{
	int fd = comes(), hook;

	(void)state;
	sends_junk(fd, 30);
	hook = bait(fd, 1);
	settle();
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
	is_left_alone(hook);
	others_are_served();
}

/* An empty record looks like the end of the file. */
static void test_a_descriptor_behind_or_in_an_empty_record_is_never_closed(void **state)
{
	int fd = comes(), hook;

	(void)state;
	assert_int_equal(km_send(fd, (const uint8_t *)"", 0, -1, MSG_DONTWAIT), KM_OK);
	hook = bait(fd, 0);
	settle();
	close(fd);
	is_left_alone(hook);
	others_are_served();
}

/* The reset that it leaves behind is told before what it sent. */
static void test_a_descriptor_of_a_client_that_went_without_reading_is_never_closed(void **state)
{
	int copy, fd, hook;

	(void)state;
	opened(&fd, &copy);
	hook = bait(fd, 1);
	close(fd);
	settle();
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_CLOSE);
	close(copy);
	is_left_alone(hook);
	others_are_served();
}

static void test_a_descriptor_at_an_open_prompt_costs_that_client_its_place(void **state)
{
	int copy, fd, hook;
	uint32_t id = opened(&fd, &copy);

	(void)state;
	plans(id);
	hook = bait(fd, 1);
	settle();
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_CLOSE);
	/* The vault's copy is not the last, whenever it goes. */
	close(copy);
	is_left_alone(hook);
	assert_int_equal(j->vacancies, JUDGE_SESSIONS - 1);
	assert_int_equal(j->limits->total, 1);
	others_are_served();
	assert_int_equal(j->vacancies, JUDGE_SESSIONS - 1);
}

static void test_a_descriptor_behind_the_vaults_decision_is_never_closed(void **state)
{
	int copy, fd, hook;
	uint32_t id = opened(&fd, &copy);

	(void)state;
	plans(id);
	answers(fd);
	assert_int_equal(next_from_judge(NULL).number, KM_MSG_CHECK);
	hook = bait(fd, 1);
	close(copy);
	/* In one turn: the vault's frame is heard before the client's. */
	vault_says(verdict(id, KM_VERDICT_DENY));
	is_left_alone(hook);
	close(fd);
	others_are_served();
}

static void test_a_descriptor_is_not_closed_with_the_link(void **state)
{
	int copy, fd, hook;

	(void)state;
	opened(&fd, &copy);
	hook = bait(fd, 1);
	close(copy);
	vault_goes();
	close(fd);
	is_left_alone(hook);
	others_are_served();
}

static void test_a_descriptor_of_somebody_turned_away_is_never_closed(void **state)
{
	int fd = comes(), hook = bait(fd, 1);

	(void)state;
	j->limits->total = JUDGE_SESSIONS;
	settle();
	j->limits->total = 0;
	memset(&j->turned, 0, sizeof(j->turned)); /* of which the vault would hear in a second */
	is_refused(fd, KM_VERDICT_DENY, KM_REASON_BUSY);
	is_left_alone(hook);
	others_are_served();
}

/* Or one user would fill the table of descriptors. */
static void test_a_heap_of_them_ends_with_a_child_and_not_in_the_judge(void **state)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	int hook[JUDGE_ASIDE], before = dup(0), after;

	(void)state;
	close(before);
	for (unsigned i = 0; i < JUDGE_ASIDE; i++) {
		int fd = comes();

		hook[i] = bait(fd, 1);
		settle();
		close(fd);
		assert_int_equal(j->aside.count, (i + 1) % JUDGE_ASIDE);
	}
	for (unsigned i = 0; i < JUDGE_ASIDE; i++) {
		for (unsigned k = 0; k < 5000 && !taken(hook[i]); k++)
			nanosleep(&tick, NULL);
		assert_true(taken(hook[i]));
		close(hook[i]);
	}
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	others_are_served();
}

/* The socket may have been there, with clients at it, before the judge told the kernel. */
static void test_a_descriptor_sent_before_the_kernel_was_told_is_never_closed(void **state)
{
	const int off = 0;
	int fd = comes(), hook = bait(fd, 1);

	(void)state;
	(void)setsockopt(j->listen_fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
	settle();
	is_refused(fd, KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
	is_left_alone(hook);
	others_are_served();
}

static void test_with_the_kernels_help_a_descriptor_does_not_even_arrive(void **state)
{
	const int off = 0;
	int fd = comes();

	(void)state;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) < 0)
		skip();
	/* From the first moment on: nobody has accepted it yet. */
	assert_int_not_equal(km_send(fd, (const uint8_t *)"x", 1, fd, MSG_DONTWAIT), KM_OK);
	settle();
	assert_int_not_equal(km_send(fd, (const uint8_t *)"x", 1, fd, MSG_DONTWAIT), KM_OK);
	close(fd);
	settle();
	others_are_served();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_OLD(test_a_descriptor_in_the_first_frame_is_refused_and_never_closed),
		ON_OLD(test_a_descriptor_behind_thirty_frames_is_never_closed),
		ON_OLD(test_a_descriptor_behind_or_in_an_empty_record_is_never_closed),
		ON_OLD(test_a_descriptor_of_a_client_that_went_without_reading_is_never_closed),
		ON_OLD(test_a_descriptor_at_an_open_prompt_costs_that_client_its_place),
		ON_OLD(test_a_descriptor_behind_the_vaults_decision_is_never_closed),
		ON_OLD(test_a_descriptor_is_not_closed_with_the_link),
		ON_OLD(test_a_descriptor_of_somebody_turned_away_is_never_closed),
		ON_OLD(test_a_heap_of_them_ends_with_a_child_and_not_in_the_judge),
		ON_OLD(test_a_descriptor_sent_before_the_kernel_was_told_is_never_closed),
		IN_HOUSE(test_with_the_kernels_help_a_descriptor_does_not_even_arrive),
	};

	return cmocka_run_group_tests_name("judge_rights", tests, NULL, NULL);
}
