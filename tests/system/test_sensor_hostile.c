/*
 * The sensor against those who mean it harm: images, judges, strangers, an environment; and what is
 * left of a finger in it.
 */
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/sock.h>
#include <kenmon/wire.h>

#include "house.h"
#include "reader_scene.h"

#define STRANGER    61577 /* a uid that nobody has */
#define MEMORY_MOST (512u << 20)
#define PAGE        4096

static bool logged(const struct reader_post *p, const char *text)
{
	char *log = reader_log(p);
	bool found = strstr(log, text) != NULL;

	free(log);
	return found;
}

/* --- C33: images ---------------------------------------------------------------------------------
 */

static void test_c33_an_image_that_libfprint_cannot_bear_never_reaches_it(void **state)
{
	static const int32_t sizes[][2] = {
		{ 0, 0 },    { 0, 300 },  { 300, 0 },    { 8, 8 },       { 1, 1 },
		{ 31, 300 }, { 300, 31 }, { 2001, 300 }, { 1200, 1200 }, { 5000, 5000 },
	};
	struct reader_post *p = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		reader_capture(p, 'a', 1, 60);
		reader_expect(p, 'a', KM_SENSOR_WAITING);
		reader_touch(p, sizes[i][0], sizes[i][1], grey, 64);
		/* It dies alone, by its own will, having said so; and is back for the next. */
		reader_expect(p, 'a', KM_SENSOR_FAILED);
		assert_int_equal(reader_event(p), KM_SENSOR_NONE);
		assert_int_equal(reader_wait(p), 1);
		reader_again(p);
		reader_connect(p);
	}
	assert_true(logged(p, "an image of 5000 x 5000"));
	reader_works(p, 'b');
}

/* Pictures of no finger: something is said of each, and no probe is one of garbage. */
static void test_c33_blank_noisy_and_odd_images_harm_nothing(void **state)
{
	static const int32_t sizes[][2] = { { 32, 32 }, { 33, 500 }, { 500, 33 }, { 601, 600 } };
	uint8_t *bytes = malloc(601 * 600);
	struct reader_post *p = *state;
	uint32_t noise = 88172645u;
	unsigned taken = 0;

	reader_capture(p, 'a', 60, 120);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	for (unsigned i = 0; i < 4 * 4; i++) {
		const int32_t *size = sizes[i % 4];
		const size_t len = (size_t)(size[0] * size[1]);
		enum km_sensor_event event;
		struct km_minutiae m;

		for (size_t k = 0; k < len; k++) {
			noise ^= noise << 13;
			noise ^= noise >> 17;
			noise ^= noise << 5;
			bytes[k] = (uint8_t)(i / 4 == 0   ? 0xFF
					     : i / 4 == 1 ? 0
					     : i / 4 == 2 ? noise
							  : grey[k % READER_BYTES]);
		}
		reader_touch(p, size[0], size[1], bytes, len);
		event = reader_event(p);
		if (event == KM_SENSOR_TAKEN) {
			reader_probe(p, 'a', &m);
			assert_in_range(m.count, 1, KM_MINUTIAE_MAX);
			reader_expect(p, 'a', KM_SENSOR_WAITING);
			taken++;
		} else {
			assert_int_equal(event, KM_SENSOR_POOR_IMAGE);
		}
	}
	assert_true(taken >= 4);
	reader_stop_capture(p, 'a');
	reader_expect(p, 'a', KM_SENSOR_STOPPED);
	reader_works(p, 'b');
	free(bytes);
}

/* --- the judge
 * -------------------------------------------------------------------------------------- */

static size_t frame_of(const struct km_msg *m, uint8_t frame[4096])
{
	size_t len = 0;

	assert_int_equal(km_encode(m, frame, 4096, &len), KM_OK);
	return len;
}

/* A capture is under way: with the link it ends. */
static void costs_the_link(struct reader_post *p, const void *bytes, size_t len)
{
	reader_connect(p);
	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_send(p, bytes, len);
	assert_int_equal(reader_event(p), KM_SENSOR_NONE);
}

static void test_c28_what_is_out_of_place_costs_the_judge_its_link(void **state)
{
	struct reader_post *p = *state;
	struct km_msg other_version = { .number = KM_MSG_CAPTURE };
	struct km_msg again = { .number = KM_MSG_CAPTURE };
	struct km_msg stop = { .number = KM_MSG_STOP };
	struct km_msg event = { .number = KM_MSG_EVENT, .event = { .event = KM_SENSOR_DONE } };
	struct km_msg probe = { .number = KM_MSG_PROBE };
	struct km_msg hello = { .number = KM_MSG_HELLO };
	const struct km_msg *const wrong[] = { &other_version, &again, &event, &probe, &hello };
	uint8_t frame[4096], cut[4096];

	other_version.capture.version = KM_ROOM_PROTOCOL + 1;
	again.capture.version = KM_ROOM_PROTOCOL;
	memset(again.capture.grant, 'a', sizeof(again.capture.grant));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		costs_the_link(p, frame, frame_of(wrong[i], frame));
	frame_of(&stop, frame);
	frame[4] = 1; /* a session */
	costs_the_link(p, frame, frame_of(&stop, cut));
	reader_connect(p);
	reader_works(p, 'z');
}

static void test_garbage_from_the_judge_costs_its_link_and_harms_nobody_else(void **state)
{
	struct reader_post *p = *state;
	struct km_msg capture = { .number = KM_MSG_CAPTURE };
	uint8_t frame[4096], cut[4096];
	uint32_t noise = 2463534242u;
	size_t len;

	capture.capture.version = KM_ROOM_PROTOCOL;
	capture.capture.shots = 1;
	capture.capture.seconds = 9;
	len = frame_of(&capture, frame);
	for (unsigned i = 0; i < 300; i++) {
		size_t size = i < len ? i : i % 2 ? len : 1 + i;

		for (size_t k = 0; k < size; k++) {
			noise = noise * 1664525u + 1013904223u;
			cut[k] = i < len ? frame[k] : (uint8_t)(noise >> 24);
		}
		cut[size] = 0;
		reader_connect(p);
		reader_send(p, cut, i < len ? size : size + 1);
		assert_int_equal(reader_event(p), KM_SENSOR_NONE);
	}
	reader_connect(p);
	reader_works(p, 'z');
}

static void test_a_descriptor_that_the_judge_sends_along_is_not_kept(void **state)
{
	struct reader_post *p = *state;
	struct km_msg stop = { .number = KM_MSG_STOP };
	int end[2];
	char byte;

	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	assert_int_equal(km_send_msg(p->judge, &stop, end[1], 0), KM_OK);
	close(end[1]);
	assert_int_equal(reader_event(p), KM_SENSOR_NONE);
	assert_int_equal(read(end[0], &byte, 1), 0);
	close(end[0]);
	reader_connect(p);
	reader_works(p, 'z');
}

/* As another uid: connects, asks, and prints whether anything but the end came of it. */
static bool stranger_is_heard(const struct reader_post *p)
{
	char path[READER_PATH];
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/sensor.sock", p->dir);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct km_msg m = { .number = KM_MSG_CAPTURE,
				    .capture = { .version = KM_ROOM_PROTOCOL, .seconds = 9 } };
		uint8_t frame[1024];
		size_t len;
		int fd = -1;

		if (setgroups(0, NULL) < 0 || setresgid(STRANGER, STRANGER, STRANGER) < 0 ||
		    setresuid(STRANGER, STRANGER, STRANGER) < 0 ||
		    km_connect(path, false, &fd) != KM_OK)
			_exit(2);
		if (km_send_msg(fd, &m, -1, 0) != KM_OK)
			_exit(0);
		_exit(km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, 0) == KM_OK ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

static void test_only_the_judges_uid_is_heard(void **state)
{
	const struct reader_setup judges = { .extra = { "--judge-uid", "61501" } };
	const struct reader_setup strangers = { .extra = { "--judge-uid", "61577" } };
	const struct reader_setup owners = { .extra = { "--judge-uid", "61501", "--owner",
							"61577" } };
	struct reader_post p;

	(void)state;
	if (geteuid() != 0)
		skip();
	reader_start(&p, &judges);
	reader_capture(&p, 'a', 1, 60);
	reader_expect(&p, 'a', KM_SENSOR_WAITING);
	close(p.judge);
	p.judge = -1;
	assert_false(stranger_is_heard(&p));
	reader_connect(&p);
	reader_works(&p, 'b');
	reader_end(&p);
	reader_start(&p, &strangers);
	close(p.judge);
	p.judge = -1;
	assert_true(stranger_is_heard(&p));
	reader_end(&p);
	reader_start(&p, &owners);
	close(p.judge);
	p.judge = -1;
	assert_true(stranger_is_heard(&p));
	reader_end(&p);
}

static void test_a_second_judge_is_turned_away_while_the_first_is_there(void **state)
{
	struct reader_post *p = *state;
	int first = p->judge;

	reader_capture(p, 'a', 1, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	p->judge = -1;
	reader_connect(p);
	assert_int_equal(reader_event(p), KM_SENSOR_NONE);
	close(p->judge);
	p->judge = first;
	reader_stop_capture(p, 'a');
	reader_expect(p, 'a', KM_SENSOR_STOPPED);
}

/* --- C24: the environment
 * ------------------------------------------------------------------------------ */

static void test_c24_virtual_readers_of_the_environment_are_not_there_unless_allowed(void **state)
{
	static const char *const variables[] = { "FP_VIRTUAL_IMAGE", "FP_VIRTUAL_DEVICE",
						 "FP_VIRTUAL_DEVICE_STORAGE" };
	static const char *const configs[] = { "", "[sensor]\nallow-virtual = no\n" };
	enum km_sensor_event event;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct reader_setup setup = {
			.variable = variables[i],
			.config = configs[i % 2],
			.set = { { "FP_DRIVERS_WHITELIST", "virtual_image" },
				 { "G_MESSAGES_DEBUG", "all" } },
		};
		struct reader_post p;

		reader_start(&p, &setup);
		reader_capture(&p, 'l', 0, 20);
		while ((event = reader_event(&p)) == KM_SENSOR_READER)
			assert_null(strstr(p.detail, "virtual"));
		assert_int_equal(event, KM_SENSOR_DONE);
		assert_int_equal(access(p.image, F_OK), -1);
		assert_false(logged(&p, "allow-virtual"));
		reader_end(&p);
	}
}

static void test_c24_that_they_are_allowed_is_said_at_every_start(void **state)
{
	struct reader_post *p = *state;

	reader_works(p, 'a');
	assert_true(logged(p, "[sensor] allow-virtual = yes"));
}

static void test_nothing_that_libraries_say_for_debugging_is_in_the_log(void **state)
{
	const struct reader_setup setup = { .set = { { "G_MESSAGES_DEBUG", "all" },
						     { "LIBUSB_DEBUG", "4" } } };
	struct reader_post p;

	(void)state;
	reader_start(&p, &setup);
	reader_works(&p, 'a');
	assert_false(logged(&p, "DEBUG"));
	assert_false(logged(&p, "libusb"));
	assert_false(logged(&p, "state change"));
	reader_end(&p);
}

/* --- what is left of a finger
 * ------------------------------------------------------------------------- */

/* All that a process has in memory, one after the other, but for pages of nothing. */
struct memory {
	uint8_t *bytes;
	size_t len;
};

static struct memory memory_of(pid_t pid)
{
	static const uint8_t nothing[PAGE];
	struct memory m = { .bytes = malloc(MEMORY_MOST) };
	char path[64], line[256];
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(m.bytes && maps && mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		ssize_t n;

		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || !strstr(line, " rw"))
			continue;
		assert_true(m.len + (to - from) < MEMORY_MOST);
		for (; from < to; from += PAGE) {
			n = pread(mem, m.bytes + m.len, PAGE, (off_t)from);
			if (n == PAGE && memcmp(m.bytes + m.len, nothing, PAGE) != 0)
				m.len += PAGE;
		}
	}
	fclose(maps);
	close(mem);
	return m;
}

static bool holds(const struct memory *m, const void *bytes, size_t len)
{
	return memmem(m->bytes, m->len, bytes, len) != NULL;
}

#define COLUMN 6 /* minutiae: so many coordinates in a row stand nowhere by chance */

struct columns {
	int32_t x[COLUMN], y[COLUMN];
};

/* As libfprint has them. */
static struct columns columns_of(const struct km_minutiae *m)
{
	struct columns c;

	assert_true(m->count >= COLUMN);
	for (unsigned i = 0; i < COLUMN; i++) {
		c.x[i] = m->at[i].x;
		c.y[i] = m->at[i].y;
	}
	return c;
}

static bool holds_the_image(const struct memory *memory)
{
	for (size_t row = 0; row < READER_HEIGHT; row++)
		if (holds(memory, grey + row * READER_WIDTH + 16, 64))
			return true;
	return false;
}

static void test_after_a_capture_nothing_of_the_finger_is_in_its_memory(void **state)
{
	struct reader_post *p = *state;
	uint8_t coded[KM_MINUTIAE_BYTES];
	struct memory memory;
	struct km_minutiae m;
	struct columns c;
	size_t len;

	if (geteuid() != 0)
		skip(); /* it is not dumpable: nobody else can look */
	reader_capture(p, 'a', 2, 60);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_command(p, FEED_AUTOMATIC, 0);
	reader_snooze(50);
	reader_more(p, FEED_FINGER, 1, NULL, 0);
	reader_more(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	/* The search finds what is there: libfprint has it all until the finger is lifted. */
	c = columns_of(&m);
	memory = memory_of(p->pid);
	assert_true(holds_the_image(&memory));
	assert_true(holds(&memory, c.x, sizeof(c.x)));
	assert_true(holds(&memory, c.y, sizeof(c.y)));
	free(memory.bytes);
	reader_more(p, FEED_FINGER, 0, NULL, 0);
	reader_expect(p, 'a', KM_SENSOR_WAITING);
	reader_more(p, FEED_FINGER, 1, NULL, 0);
	reader_more(p, READER_WIDTH, READER_HEIGHT, grey, READER_BYTES);
	reader_more(p, FEED_FINGER, 0, NULL, 0);
	reader_probe(p, 'a', &m);
	reader_expect(p, 'a', KM_SENSOR_TAKEN);
	reader_expect(p, 'a', KM_SENSOR_DONE);
	/* The next in line has the reader when the first one's is closed. */
	reader_capture(p, 'b', 1, 60);
	reader_expect(p, 'b', KM_SENSOR_WAITING);
	memory = memory_of(p->pid);
	assert_false(holds_the_image(&memory));
	c = columns_of(&m);
	assert_false(holds(&memory, c.x, sizeof(c.x)));
	assert_false(holds(&memory, c.y, sizeof(c.y)));
	assert_false(holds(&memory, m.at, COLUMN * sizeof(m.at[0])));
	assert_int_equal(km_minutiae_encode(&m, coded, sizeof(coded), &len), KM_OK);
	assert_false(holds(&memory, coded + 2, 24));
	assert_false(holds(&memory, "FP3\2", 4)); /* libfprint's form, of minutiae */
	free(memory.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_c33_an_image_that_libfprint_cannot_bear_never_reaches_it),
		ONE(test_c33_blank_noisy_and_odd_images_harm_nothing),
		ONE(test_c28_what_is_out_of_place_costs_the_judge_its_link),
		ONE(test_garbage_from_the_judge_costs_its_link_and_harms_nobody_else),
		ONE(test_a_descriptor_that_the_judge_sends_along_is_not_kept),
		cmocka_unit_test(test_only_the_judges_uid_is_heard),
		ONE(test_a_second_judge_is_turned_away_while_the_first_is_there),
		cmocka_unit_test(
		    test_c24_virtual_readers_of_the_environment_are_not_there_unless_allowed),
		ONE(test_c24_that_they_are_allowed_is_said_at_every_start),
		cmocka_unit_test(test_nothing_that_libraries_say_for_debugging_is_in_the_log),
		ONE(test_after_a_capture_nothing_of_the_finger_is_in_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
