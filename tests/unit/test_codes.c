/* One-time codes: the vectors of RFC 4226 and RFC 6238, windows, replays, resync. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <liboath/oath.h>

#include "../../authd/vault/codes.h"

#define SEED "12345678901234567890"

static struct km_secret secret_of(const char *text)
{
	struct km_secret s = { 0 };

	assert_int_equal(km_secret_set(&s, text, strlen(text)), KM_OK);
	return s;
}

static struct km_credential hotp(uint64_t moving)
{
	return (struct km_credential){
		.factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6, .moving = moving
	};
}

static struct km_credential totp(uint64_t moving)
{
	return (struct km_credential){ .factor = KM_FACTOR_TOTP,
				       .algorithm = KM_SHA1,
				       .digits = 6,
				       .period = 30,
				       .moving = moving };
}

static struct code_judgement judge(const struct km_credential *c, const char *seed,
				   const char *code, int64_t wall, unsigned look_ahead)
{
	struct km_secret s = secret_of(seed), a = secret_of(code);
	struct code_judgement j;

	assert_int_equal(code_judge(c, &s, &a, wall, look_ahead, &j), KM_OK);
	return j;
}

/* The code that an independent call of the library makes at a counter. */
static void code_of(uint64_t counter, char out[9])
{
	assert_int_equal(oath_hotp_generate(SEED, strlen(SEED), counter, 6, false,
					    OATH_HOTP_DYNAMIC_TRUNCATION, out),
			 OATH_OK);
}

static void test_hotp_vectors_of_rfc_4226_are_accepted(void **state)
{
	static const char *const code[] = { "755224", "287082", "359152", "969429", "338314",
					    "254676", "287922", "162583", "399871", "520489" };
	(void)state;

	for (uint64_t n = 0; n < 10; n++) {
		struct km_credential c = hotp(n);
		struct code_judgement j = judge(&c, SEED, code[n], 0, 10);

		assert_int_equal(j.found, CODE_RIGHT);
		assert_int_equal(j.moving, n + 1);
	}
}

static void test_totp_vectors_of_rfc_6238_are_accepted(void **state)
{
	static const char s32[] = "12345678901234567890123456789012";
	static const char s64[] =
	    "1234567890123456789012345678901234567890123456789012345678901234";
	static const struct {
		int64_t time;
		const char *sha1, *sha256, *sha512;
	} v[] = {
		{ 59, "94287082", "46119246", "90693936" },
		{ 1111111109, "07081804", "68084774", "25091201" },
		{ 1111111111, "14050471", "67062674", "99943326" },
		{ 1234567890, "89005924", "91819424", "93441116" },
		{ 2000000000, "69279037", "90698825", "38618901" },
		{ 20000000000, "65353130", "77737706", "47863826" }, /* T wider than 32 bits */
	};
	(void)state;

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct km_credential c = totp(0);

		c.digits = 8;
		assert_int_equal(judge(&c, SEED, v[i].sha1, v[i].time, 10).found, CODE_RIGHT);
		c.algorithm = KM_SHA256;
		assert_int_equal(judge(&c, s32, v[i].sha256, v[i].time, 10).found, CODE_RIGHT);
		c.algorithm = KM_SHA512;
		assert_int_equal(judge(&c, s64, v[i].sha512, v[i].time, 10).found, CODE_RIGHT);
		assert_int_equal(judge(&c, s64, v[i].sha1, v[i].time, 10).found, CODE_WRONG);
	}
}

static void test_totp_window_is_one_step_each_way(void **state)
{
	const int64_t wall = 1000 * 30 + 7;
	char code[9];
	(void)state;

	for (uint64_t step = 995; step <= 1005; step++) {
		struct km_credential c = totp(0);
		struct code_judgement j;

		code_of(step, code);
		j = judge(&c, SEED, code, wall, 10);
		assert_int_equal(j.found, step >= 999 && step <= 1001 ? CODE_RIGHT : CODE_WRONG);
	}
}

static void test_hotp_look_ahead_ends_where_it_says(void **state)
{
	char code[9];
	(void)state;

	for (unsigned ahead = 1; ahead <= 20; ahead++) {
		struct km_credential c = hotp(50);

		code_of(50 + ahead, code);
		assert_int_equal(judge(&c, SEED, code, 0, ahead).found, CODE_RIGHT);
		code_of(50 + ahead + 1, code);
		assert_int_equal(judge(&c, SEED, code, 0, ahead).found, CODE_WRONG);
	}
}

static void test_last_accepted_code_is_a_replay_and_older_ones_are_wrong(void **state)
{
	struct km_credential h = hotp(7), t = totp(1001);
	char code[9];
	(void)state;

	code_of(6, code);
	assert_int_equal(judge(&h, SEED, code, 0, 10).found, CODE_REPLAY);
	code_of(5, code);
	assert_int_equal(judge(&h, SEED, code, 0, 10).found, CODE_WRONG);
	code_of(1000, code);
	assert_int_equal(judge(&t, SEED, code, 30000, 10).found, CODE_REPLAY);
	code_of(999, code);
	assert_int_equal(judge(&t, SEED, code, 30000, 10).found, CODE_WRONG);
}

static void test_nothing_was_accepted_before_the_first_code(void **state)
{
	struct km_credential t = totp(0);
	char code[9];
	(void)state;

	code_of(0, code);
	assert_int_equal(judge(&t, SEED, code, 30000, 10).found, CODE_WRONG);
}

static void test_drift_is_learned_one_step_at_a_time_and_at_most_ten(void **state)
{
	struct km_credential c = totp(0);
	int64_t wall = 30 * 100000;
	(void)state;

	for (int step = 1; step <= 14; step++) {
		char code[9];
		struct code_judgement j;

		wall += 3000;
		/* The token runs ahead by one more step each time. */
		code_of((uint64_t)(wall / 30 + step), code);
		j = judge(&c, SEED, code, wall, 10);
		if (step > TOTP_DRIFT_MAX + 1) {
			assert_int_equal(j.found, CODE_WRONG);
			continue;
		}
		assert_int_equal(j.found, CODE_RIGHT);
		assert_int_equal(j.drift, step > TOTP_DRIFT_MAX ? TOTP_DRIFT_MAX : step);
		c.moving = j.moving;
		c.drift = j.drift;
	}
}

static void test_every_judgement_takes_the_same_work(void **state)
{
	struct km_credential list[] = { hotp(0), hotp(90), totp(0), totp(1001) };
	(void)state;

	for (unsigned ahead = 1; ahead <= 20; ahead++) {
		uint64_t expected = 0;

		for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
			for (uint64_t n = 0; n < 3; n++) {
				uint64_t before = code_work();
				char code[9];

				code_of(list[i].moving + n, code);
				judge(&list[i], SEED, code, 30000, ahead);
				if (!expected)
					expected = code_work() - before;
				assert_int_equal(code_work() - before, expected);
			}
		}
	}
}

static void test_resync_needs_two_codes_in_a_row_that_were_never_accepted(void **state)
{
	struct km_secret seed = secret_of(SEED), a, b;
	struct km_credential c = hotp(10);
	struct code_judgement j;
	char one[9], two[9];
	(void)state;

	code_of(90, one);
	code_of(91, two);
	a = secret_of(one);
	b = secret_of(two);
	assert_int_equal(code_resync(&c, &seed, &a, &b, 0, &j), KM_OK);
	assert_int_equal(j.found, CODE_RIGHT);
	assert_int_equal(j.moving, 92);
	assert_int_equal(code_resync(&c, &seed, &b, &a, 0, &j), KM_OK);
	assert_int_equal(j.found, CODE_WRONG);
	assert_int_equal(code_resync(&c, &seed, &a, &a, 0, &j), KM_OK);
	assert_int_equal(j.found, CODE_WRONG);
	c.moving = 91; /* the first of the two was accepted before */
	assert_int_equal(code_resync(&c, &seed, &a, &b, 0, &j), KM_OK);
	assert_int_equal(j.found, CODE_WRONG);
	code_of(91 + RESYNC_RANGE, one);
	code_of(92 + RESYNC_RANGE, two);
	a = secret_of(one);
	b = secret_of(two);
	assert_int_equal(code_resync(&c, &seed, &a, &b, 0, &j), KM_OK);
	assert_int_equal(j.found, CODE_WRONG);
}

static void test_damaged_parameters_are_damage_and_not_a_wrong_code(void **state)
{
	struct km_secret seed = secret_of(SEED), a = secret_of("755224");
	struct km_credential c = hotp(0);
	struct code_judgement j = { .found = CODE_REPLAY };
	(void)state;

	c.digits = 9;
	assert_int_equal(code_judge(&c, &seed, &a, 0, 10, &j), KM_ECORRUPT);
	c = totp(0);
	c.period = 0;
	assert_int_equal(code_judge(&c, &seed, &a, 0, 10, &j), KM_ECORRUPT);
	assert_int_equal(code_resync(&c, &seed, &a, &a, 0, &j), KM_ECORRUPT);
	assert_int_equal(j.found, CODE_REPLAY); /* untouched */
}

/* --- C6 ------------------------------------------------------------------- */

static uint64_t dice = 88172645463325252u;

static uint64_t roll(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

#define LIFE  400
#define LIVES 300

/* A token whose clock or counter wanders, an owner who types old codes, an administrator who
 * resyncs. */
static void live(bool by_time)
{
	struct km_secret seed = secret_of(SEED);
	struct km_credential c = by_time ? totp(0) : hotp(0);
	uint64_t accepted[LIFE * 2], count = 0, token = 0;
	int64_t wall = 30 * 50000 + (int64_t)roll(30),
		skew = 0; /* half steps of the token's clock */

	for (int n = 0; n < LIFE; n++) {
		struct code_judgement j;
		uint64_t at;
		char one[9], two[9];

		wall += (int64_t)roll(50);
		skew += (int64_t)roll(3) - 1;
		token += roll(4) == 0;
		at = by_time ? (uint64_t)((wall + skew * 15) / 30) : token;
		at = at + roll(6) > 3 ? at + roll(6) - 3 : 0; /* early, late, again */
		code_of(at, one);
		code_of(at + 1, two);
		if (roll(12) == 0) {
			struct km_secret a = secret_of(one), b = secret_of(two);

			assert_int_equal(code_resync(&c, &seed, &a, &b, wall, &j), KM_OK);
			if (j.found == CODE_RIGHT) {
				accepted[count++] = j.moving - 2;
				accepted[count++] = j.moving - 1;
			}
		} else {
			j = judge(&c, SEED, one, wall, 10);
			if (j.found == CODE_RIGHT)
				accepted[count++] = j.moving - 1;
		}
		if (j.found != CODE_RIGHT)
			continue;
		assert_true(j.moving > c.moving);
		assert_true(j.drift <= TOTP_DRIFT_MAX && j.drift >= -TOTP_DRIFT_MAX);
		c.moving = j.moving;
		c.drift = j.drift;
	}
	assert_true(count > 5);
	for (uint64_t i = 1; i < count; i++)
		assert_true(accepted[i] > accepted[i - 1]); /* so none repeats */
}

static void test_C6_no_accepted_step_repeats_whatever_drift_window_and_resync_do(void **state)
{
	(void)state;
	for (int n = 0; n < LIVES; n++) {
		live(true);
		live(false);
	}
}

static int start(void **state)
{
	(void)state;
	return code_init() == KM_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hotp_vectors_of_rfc_4226_are_accepted),
		cmocka_unit_test(test_totp_vectors_of_rfc_6238_are_accepted),
		cmocka_unit_test(test_totp_window_is_one_step_each_way),
		cmocka_unit_test(test_hotp_look_ahead_ends_where_it_says),
		cmocka_unit_test(test_last_accepted_code_is_a_replay_and_older_ones_are_wrong),
		cmocka_unit_test(test_nothing_was_accepted_before_the_first_code),
		cmocka_unit_test(test_drift_is_learned_one_step_at_a_time_and_at_most_ten),
		cmocka_unit_test(test_every_judgement_takes_the_same_work),
		cmocka_unit_test(test_resync_needs_two_codes_in_a_row_that_were_never_accepted),
		cmocka_unit_test(test_damaged_parameters_are_damage_and_not_a_wrong_code),
		cmocka_unit_test(
		    test_C6_no_accepted_step_repeats_whatever_drift_window_and_resync_do),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
