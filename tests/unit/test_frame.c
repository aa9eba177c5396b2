/* Records of a socket: whole, stamped by the kernel, and with no descriptor left open. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/wire.h>

static uint8_t frame[KM_FRAME_MAX];

static size_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void pair(int s[2], bool stamps)
{
	const int on = 1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
	if (stamps)
		assert_int_equal(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
}

static void unpair(int s[2])
{
	close(s[0]);
	close(s[1]);
}

/* Sends one byte with n descriptors, which km_send never does for n > 1. */
static void send_fds(int s, size_t n)
{
	char control[CMSG_SPACE(sizeof(int) * 32)] __attribute__((aligned(8))) = { 0 };
	int fds[32] = { 0 };
	char byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	for (size_t i = 0; i < n; i++)
		fds[i] = s;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	assert_int_equal(sendmsg(s, &h, 0), 1);
}

static void test_a_record_carries_the_kernels_word_on_its_sender(void **state)
{
	struct km_msg m = { .number = KM_MSG_ABORT }, got;
	struct km_stamp stamp = { 0 };
	size_t len = 0;
	int s[2];

	(void)state;
	pair(s, true);
	assert_int_equal(km_send_msg(s[0], &m, -1, MSG_DONTWAIT), KM_OK);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, &stamp, 0), KM_OK);
	assert_true(stamp.known);
	assert_int_equal(stamp.pid, getpid());
	assert_int_equal(stamp.uid, getuid());
	assert_int_equal(stamp.gid, getgid());
	assert_int_equal(km_decode(frame, len, KM_FROM_DOOR, KM_PHASE_ASKED, &got), KM_OK);
	unpair(s);
}

static void test_without_passcred_a_stamp_is_unknown(void **state)
{
	struct km_stamp stamp = { .known = true, .uid = 1 };
	size_t len = 0;
	int s[2];

	(void)state;
	pair(s, false);
	assert_int_equal(km_send(s[0], (const uint8_t *)"x", 1, -1, 0), KM_OK);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, &stamp, 0), KM_OK);
	assert_false(stamp.known);
	unpair(s);
}

static void test_a_descriptor_that_was_asked_for_arrives_close_on_exec(void **state)
{
	size_t len = 0, before;
	int s[2], passed = 4711;

	(void)state;
	pair(s, true);
	before = open_fds();
	assert_int_equal(km_send(s[0], (const uint8_t *)"x", 1, s[0], 0), KM_OK);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, &passed, NULL, 0), KM_OK);
	assert_true(passed > 2);
	assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
	close(passed);
	assert_int_equal(km_send(s[0], (const uint8_t *)"x", 1, -1, 0), KM_OK);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, &passed, NULL, 0), KM_OK);
	assert_int_equal(passed, -1);
	assert_int_equal(open_fds(), before);
	unpair(s);
}

static void test_descriptors_nobody_asked_for_are_closed(void **state)
{
	static const size_t counts[5] = { 1, 2, 8, 9, 31 };
	size_t len = 4711, before;
	int s[2], passed = 4711;

	(void)state;
	pair(s, true);
	before = open_fds();
	for (const size_t *n = counts; n < counts + 5; n++) {
		send_fds(s[0], *n);
		assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, 0),
				 KM_EPROTO);
		assert_int_equal(open_fds(), before);
		if (*n == 1)
			continue;
		send_fds(s[0], *n);
		assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, &passed, NULL, 0),
				 KM_EPROTO);
		assert_int_equal(open_fds(), before);
	}
	assert_int_equal(len, 4711);
	assert_int_equal(passed, 4711);
	unpair(s);
}

static void test_a_record_larger_than_its_buffer_is_refused_and_forgotten(void **state)
{
	uint8_t buf[16] = { 0 };
	size_t len = 4711;
	int s[2];

	(void)state;
	pair(s, false);
	assert_int_equal(km_send(s[0], (const uint8_t *)"a secret that is too long", 25, s[0], 0),
			 KM_OK);
	assert_int_equal(km_recv(s[1], buf, sizeof(buf), &len, NULL, NULL, 0), KM_EPROTO);
	assert_true(buf[0] == 0 && memcmp(buf, buf + 1, sizeof(buf) - 1) == 0);
	assert_int_equal(len, 4711);
	unpair(s);
}

static void test_an_end_an_empty_queue_and_a_gone_peer_are_told_apart(void **state)
{
	struct km_msg m = { .number = KM_MSG_ABORT };
	size_t len = 4711;
	int s[2];

	(void)state;
	pair(s, false);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT),
			 KM_EAGAIN);
	close(s[0]);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, 0), KM_ECLOSED);
	assert_int_equal(km_send_msg(s[1], &m, -1, 0), KM_ECLOSED);
	close(s[1]);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, 0), KM_EIO);
	assert_int_equal(km_send_msg(s[1], &m, -1, 0), KM_EIO);
	assert_int_equal(len, 4711);
}

static void test_a_peer_that_does_not_read_holds_nobody(void **state)
{
	struct km_msg m = { .number = KM_MSG_ABORT };
	km_rc rc = KM_OK;
	int s[2];

	(void)state;
	pair(s, false);
	for (int i = 0; rc == KM_OK && i < 100000; i++)
		rc = km_send_msg(s[0], &m, -1, MSG_DONTWAIT);
	assert_int_equal(rc, KM_EAGAIN);
	unpair(s);
}

static void test_a_message_that_cannot_be_encoded_is_not_sent(void **state)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };
	size_t len = 0;
	int s[2];

	(void)state;
	pair(s, false);
	memcpy(m.prompt.text, "a\033[2Jb", 7);
	assert_int_equal(km_send_msg(s[0], &m, -1, 0), KM_EINVAL);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT),
			 KM_EAGAIN);
	unpair(s);
}

/* Each answer of km_peek, and that the record is still there after it. */
static void test_a_look_ahead_tells_everything_apart_and_takes_nothing(void **state)
{
	size_t len = 0;
	int s[2];

	(void)state;
	pair(s, false);
	assert_int_equal(km_peek(s[1]), KM_EAGAIN);
	assert_int_equal(km_send(s[0], (const uint8_t *)"abc", 3, -1, 0), KM_OK);
	assert_int_equal(km_peek(s[1]), KM_OK);
	assert_int_equal(km_peek(s[1]), KM_OK);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, 0), KM_OK);
	assert_int_equal(len, 3);
	/* Empty, and yet not the end. */
	assert_int_equal(km_send(s[0], (const uint8_t *)"", 0, -1, 0), KM_OK);
	assert_int_equal(km_peek(s[1]), KM_OK);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, 0), KM_ECLOSED);
	send_fds(s[0], 1);
	assert_int_equal(km_peek(s[1]), KM_EPERM);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, 0), KM_EPROTO);
	/* What the peer left unread is a reset at this end, told before what it had sent. */
	assert_int_equal(km_send(s[1], (const uint8_t *)"unread", 6, -1, 0), KM_OK);
	send_fds(s[0], 2);
	close(s[0]);
	assert_int_equal(km_peek(s[1]), KM_EPERM);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, 0), KM_EPROTO);
	assert_int_equal(km_peek(s[1]), KM_ECLOSED);
	close(s[1]);
	assert_int_equal(km_peek(s[1]), KM_EIO);
}

/* Messages of at most so many bytes are encoded on the stack; a template has a locked buffer. */
static void test_a_template_is_not_sent_by_way_of_the_stack_and_everything_else_is(void **state)
{
	static const struct {
		uint8_t number;
		size_t cap;
	} messages[] = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) { number, cap },
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
	};
	/* The others are no secrets: texts, rows of a roster, sealed copies. */
	static const uint8_t whose[] = {
		KM_MSG_LEND,        KM_MSG_TEMPLATE,     KM_MSG_PURPOSE,
		KM_MSG_PURPOSE_ROW, KM_MSG_ROSTER_SLICE, KM_MSG_COPY_CHUNK
	};
	static const uint8_t blob[KM_SEND_MSG_MAX];
	struct km_msg m = { .number = KM_MSG_LEND };
	size_t len, large = 0, known = 0;
	int s[2];

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].cap + KM_FRAME_HEADER <= KM_SEND_MSG_MAX)
			continue;
		large++;
		for (size_t j = 0; j < sizeof(whose) / sizeof(whose[0]); j++)
			known += messages[i].number == whose[j];
	}
	assert_int_equal(known, large);
	assert_int_equal(large, sizeof(whose) / sizeof(whose[0]));
	pair(s, false);
	m.lend.blob = (struct km_span){ blob, sizeof(blob) };
	assert_int_equal(km_send_msg(s[0], &m, -1, MSG_DONTWAIT), KM_ELIMIT);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT),
			 KM_EAGAIN);
	m.number = KM_MSG_PROBE;
	memset(&m.probe, 0, sizeof(m.probe));
	m.probe.minutiae = (struct km_span){ blob, 1202 };
	assert_int_equal(km_send_msg(s[0], &m, -1, MSG_DONTWAIT), KM_OK);
	assert_int_equal(km_recv(s[1], frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT),
			 KM_OK);
	unpair(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_record_carries_the_kernels_word_on_its_sender),
		cmocka_unit_test(test_without_passcred_a_stamp_is_unknown),
		cmocka_unit_test(test_a_descriptor_that_was_asked_for_arrives_close_on_exec),
		cmocka_unit_test(test_descriptors_nobody_asked_for_are_closed),
		cmocka_unit_test(test_a_record_larger_than_its_buffer_is_refused_and_forgotten),
		cmocka_unit_test(test_an_end_an_empty_queue_and_a_gone_peer_are_told_apart),
		cmocka_unit_test(test_a_peer_that_does_not_read_holds_nobody),
		cmocka_unit_test(test_a_message_that_cannot_be_encoded_is_not_sent),
		cmocka_unit_test(test_a_look_ahead_tells_everything_apart_and_takes_nothing),
		cmocka_unit_test(
		    test_a_template_is_not_sent_by_way_of_the_stack_and_everything_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
