/* The matcher among sensors and vaults that send what they may not, or are not who they should be.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/clock.h>

#include "lab_scene.h"

#define OTHER_UID 61577 /* of nobody on Debian */

/* --- frames ----------------------------------------------------------------------------------- */

struct bytes {
	uint8_t at[KM_FRAME_MAX];
	size_t len;
};

static void encode(const struct km_msg *m, struct bytes *out)
{
	assert_int_equal(km_encode(m, out->at, sizeof(out->at), &out->len), KM_OK);
}

/* A good probe of grant 1; where its count stands: version, grant and the length of the list
 * before. */
#define AT_LIST  (KM_FRAME_HEADER + 2 + KM_GRANT_BYTES)
#define AT_COUNT (AT_LIST + 2)

static void good_probe(struct bytes *b)
{
	const struct km_minutiae m = finger_touch(10, 9);
	const struct km_msg p = lab_probe_frame(1, &m);

	encode(&p, b);
}

static void another_version(struct bytes *b)
{
	b->at[KM_FRAME_HEADER + 1]++;
}

static void a_session(struct bytes *b)
{
	b->at[4] = 1;
}

static void one_more_than_said(struct bytes *b)
{
	b->at[AT_COUNT + 1]++;
}

static void one_less_than_said(struct bytes *b)
{
	b->at[AT_COUNT + 1]--;
}

static void a_byte_behind(struct bytes *b)
{
	b->at[b->len++] = 0;
}

static void a_byte_too_few(struct bytes *b)
{
	b->len--;
}

static void no_list(struct bytes *b)
{
	b->at[AT_LIST] = b->at[AT_LIST + 1] = 0;
	b->len = AT_COUNT;
}

static void minutiae_201(struct bytes *b)
{
	size_t list = 2 + 6 * 201;

	memset(b->at + AT_COUNT, 0, list);
	b->at[AT_LIST] = (uint8_t)(list >> 8);
	b->at[AT_LIST + 1] = (uint8_t)list;
	b->at[AT_COUNT + 1] = 201;
	b->len = AT_COUNT + list;
}

static void too_far_away(struct bytes *b)
{
	b->at[AT_COUNT + 2] = 0x20; /* x of 8192 */
	b->at[AT_COUNT + 3] = 0;
}

static void an_angle_of_none(struct bytes *b)
{
	b->at[AT_COUNT + 6] = 0xff; /* theta of -180 */
	b->at[AT_COUNT + 7] = 0x4c;
}

static void what_a_vault_says(struct bytes *b)
{
	struct km_msg m = lender_frame(1, KM_GRANT_COMPARE, 0, 1, INT64_MAX, 10, 1);

	encode(&m, b);
}

static void what_a_vault_takes_back(struct bytes *b)
{
	struct km_msg m = { .number = KM_MSG_TAKE_BACK };

	lender_id(m.take_back.grant, 1);
	encode(&m, b);
}

static void what_a_matcher_says(struct bytes *b)
{
	const struct km_msg m = { .number = KM_MSG_MATCHER };

	encode(&m, b);
}

static void one_byte(struct bytes *b)
{
	b->len = 1;
}

static void more_than_any_frame(struct bytes *b)
{
	memset(b->at, KM_MSG_PROBE, 60000);
	b->len = 60000;
}

static void noise(struct bytes *b)
{
	uint32_t state = 4711;

	b->len = 1 + finger_dice(&state) % 2000;
	for (size_t i = 0; i < b->len; i++)
		b->at[i] = (uint8_t)finger_dice(&state);
}

static void (*const of_a_sensor[])(struct bytes *b) = {
	another_version,
	a_session,
	one_more_than_said,
	one_less_than_said,
	a_byte_behind,
	a_byte_too_few,
	no_list,
	minutiae_201,
	too_far_away,
	an_angle_of_none,
	what_a_vault_says,
	what_a_vault_takes_back,
	what_a_matcher_says,
	one_byte,
	more_than_any_frame,
	noise,
};

static void test_c15_a_bad_frame_of_a_sensor_costs_its_own_connection(void **state)
{
	static struct bytes b;

	(void)state;
	assert_true(lend(1, 1, 10));
	for (size_t i = 0; i < sizeof(of_a_sensor) / sizeof(of_a_sensor[0]); i++) {
		int bad = lab_sensor(&lab);

		good_probe(&b);
		of_a_sensor[i](&b);
		assert_true(lab_send_bytes(bad, b.at, b.len));
		if (!lab_closed(bad))
			fail_msg("frame %zu is taken", i);
		close(bad);
		assert_true(serves());
	}
	/* Nor did any of them end the grant, or find anything. */
	assert_true(lab_silent(&lab));
	assert_true(lab_probe(sensor, 1, finger_touch(10, 9)));
	assert_true(lab_found(&lab, 1, KM_MATCH_YES));
	assert_true(lab_logged(&lab, "the sensor broke the protocol"));
}

static void test_c15_a_descriptor_costs_a_sensor_its_connection(void **state)
{
	static struct bytes b;
	int bad = lab_sensor(&lab);

	(void)state;
	assert_true(lend(1, 1, 10));
	good_probe(&b);
	assert_int_equal(km_send(bad, b.at, b.len, STDERR_FILENO, 0), KM_OK);
	assert_true(lab_closed(bad));
	close(bad);
	assert_true(serves());
	assert_true(lab_silent(&lab));
}

static void test_c15_a_thousand_random_frames_disturb_no_login(void **state)
{
	uint32_t dice = 1;
	uint8_t frame[300];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		int bad = lab_sensor(&lab);
		size_t len = 1 + finger_dice(&dice) % sizeof(frame);

		for (size_t k = 0; k < len; k++)
			frame[k] = (uint8_t)finger_dice(&dice);
		frame[0] = i % 2 ? KM_MSG_PROBE : frame[0];
		assert_true(lab_send_bytes(bad, frame, len));
		if (i % 100 == 0)
			assert_true(lab_closed(bad));
		close(bad);
	}
	close(sensor); /* it may have given way */
	sensor = lab_sensor(&lab);
	assert_true(serves());
}

/* --- the vault ----------------------------------------------------------------------------------
 */

static void again_from_zero(struct bytes *b)
{
	struct km_msg m = lender_frame(1, KM_GRANT_COMPARE, 0, 2, INT64_MAX, 10, 1);

	encode(&m, b);
}

static void one_left_out(struct bytes *b)
{
	struct km_msg m = lender_frame(1, KM_GRANT_COMPARE, 2, 3, INT64_MAX, 10, 1);

	encode(&m, b);
}

static void eleven_templates(struct bytes *b)
{
	struct km_msg m = lender_frame(3, KM_GRANT_COMPARE, 0, 11, INT64_MAX, 10, 1);

	encode(&m, b);
}

static void no_mode(struct bytes *b)
{
	struct km_msg m = lender_frame(3, (enum km_grant_mode)0, 0, 1, INT64_MAX, 10, 1);

	encode(&m, b);
}

static void what_a_sensor_says(struct bytes *b)
{
	good_probe(b);
}

static void (*const of_a_vault[])(struct bytes *b) = {
	again_from_zero,     one_left_out, eleven_templates,    no_mode, what_a_sensor_says,
	what_a_matcher_says, one_byte,     more_than_any_frame, noise,
};

static void test_a_bad_frame_of_the_vault_ends_the_room_and_all_that_was_lent(void **state)
{
	static struct bytes b;

	(void)state;
	for (size_t i = 0; i < sizeof(of_a_vault) / sizeof(of_a_vault[0]); i++) {
		assert_true(lend(2, 1, 20));
		b = (struct bytes){ .len = 100 };
		of_a_vault[i](&b);
		if (of_a_vault[i] == again_from_zero)
			assert_true(lab_send_bytes(lab.vault, b.at, b.len));
		assert_true(lab_send_bytes(lab.vault, b.at, b.len));
		if (!lab_closed(lab.vault))
			fail_msg("frame %zu is taken", i);
		assert_int_equal(lab_ended(&lab), 0);
		assert_true(lab_start(&lab));
		close(sensor);
		sensor = lab_sensor(&lab);
		assert_true(lab_probe(sensor, 2, finger_touch(20, 9)));
		assert_true(serves());
		assert_true(lab_silent(&lab));
	}
	assert_true(lab_logged(&lab, "(not our protocol)"));
}

static void test_a_template_that_is_none_fails_its_grant_alone(void **state)
{
	static uint8_t blob[TEMPLATE_BYTES];
	struct km_msg m = lender_frame(1, KM_GRANT_COMPARE, 0, 1, km_boot_ms() + LONG_MS, 10, 5);
	uint16_t len = m.lend.blob.len;

	(void)state;
	memcpy(blob, m.lend.blob.bytes, len);
	m.lend.blob.bytes = blob;
	for (uint16_t cut = 0; cut < len; cut = (uint16_t)(cut + 97)) {
		m.lend.blob.len = cut;
		assert_true(lab_send(lab.vault, &m));
		assert_true(lab_found(&lab, 1, KM_MATCH_FAILED));
	}
	assert_true(serves());
}

/* --- who it is
 * --------------------------------------------------------------------------------------- */

static bool heard_as(uid_t uid)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int fd;

		if (setresuid(uid, uid, uid) < 0)
			_exit(2);
		fd = lab_sensor(&lab);
		_exit(fd >= 0 && lab_closed(fd) ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

static void test_a_sensor_of_another_uid_is_turned_away(void **state)
{
	static const char *const extra[] = { "--sensor-uid", "61578", NULL };

	(void)state;
	if (geteuid() != 0)
		skip();
	kill(lab.pid, SIGTERM);
	assert_int_equal(lab_ended(&lab), 0);
	lab.extra = extra;
	assert_true(lab_start(&lab));
	close(sensor);
	assert_false(heard_as(OTHER_UID));
	assert_true(lab_logged(&lab, "uid 61577 is no sensor: turned away"));
	sensor = lab_sensor(&lab); /* root's */
	assert_true(serves());
}

static void test_a_vault_of_another_uid_lends_nothing(void **state)
{
	static const char *const extra[] = { "--vault-uid", "61579", NULL };

	(void)state;
	kill(lab.pid, SIGTERM);
	assert_int_equal(lab_ended(&lab), 0);
	lab.extra = extra;
	assert_true(lab_start(&lab));
	assert_true(lend(1, 1, 10));
	assert_true(lab_closed(lab.vault));
	assert_int_equal(lab_ended(&lab), 0);
	assert_true(lab_logged(&lab, "speaks as the vault"));
}

/* --- as it runs
 * ---------------------------------------------------------------------------------------- */

static bool status_says(const char *key, const char *value)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", lab.pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			found = strstr(line, value) != NULL;
	if (f)
		fclose(f);
	return found;
}

static void test_the_running_matcher_is_confined(void **state)
{
	(void)state;
	assert_true(status_says("NoNewPrivs:", "1"));
	assert_true(built_open || status_says("Seccomp:", "2"));
	assert_true(built_open || status_says("CapEff:", "0000000000000000"));
	assert_true(built_open || status_says("CapPrm:", "0000000000000000"));
	assert_true(status_says("Threads:", "1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_c15_a_bad_frame_of_a_sensor_costs_its_own_connection),
		TEST(test_c15_a_descriptor_costs_a_sensor_its_connection),
		TEST(test_c15_a_thousand_random_frames_disturb_no_login),
		TEST(test_a_bad_frame_of_the_vault_ends_the_room_and_all_that_was_lent),
		TEST(test_a_template_that_is_none_fails_its_grant_alone),
		TEST(test_a_sensor_of_another_uid_is_turned_away),
		TEST(test_a_vault_of_another_uid_lends_nothing),
		TEST(test_the_running_matcher_is_confined),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
