/* Records of the audit trail, said to somebody who reads Japanese. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/event.h>

#include "../../enroll/trail.h"

static const char *in(enum km_lang lang, const char *body)
{
	static char out[TRAIL_DETAILS];

	return trail_details(body, lang, out, sizeof(out));
}

static const char *ja(const char *body)
{
	return in(KM_LANG_JA, body);
}

static void test_an_event_has_its_name_in_the_language_of_who_reads_it(void **state)
{
	(void)state;
	assert_string_equal(trail_event(KM_EVENT_LOGIN_REFUSED, KM_LANG_JA), "ログイン拒否");
	assert_string_equal(trail_event(KM_EVENT_LOGIN_REFUSED, KM_LANG_EN), "login-refused");
	assert_string_equal(trail_event(9999, KM_LANG_JA), "?");
}

static void test_keys_and_words_are_said_in_japanese(void **state)
{
	(void)state;
	assert_string_equal(
	    ja("reason=wrong-code factor=totp credential=3 peer=0 origin=remote service=sshd"),
	    "理由=コードの誤り、要素=時刻によるコード、要素の番号=3、接続元 uid=0、接続元=遠隔、"
	    "サービス=sshd");
	assert_string_equal(ja("changed=role,mobile role=approver was=operator"),
			    "変更=役割・携帯電話、役割=承認担当、変更前=一般");
	assert_string_equal(ja("what=erase cause=transferred day=2026-04-01 feed=7"),
			    "内容=消去、理由=転出、期日=2026-04-01、名簿番号=7");
	assert_string_equal(ja("act=courier-test"), "申請の内容=SMS または電話の送信テスト");
	assert_string_equal(ja("finger=left-thumb"), "指=左手の親指");
	assert_string_equal(ja("wait=-1"), "待ち時間 (秒)=解除まで");
	assert_string_equal(ja(""), "");
}

static void test_in_english_they_are_as_the_vault_wrote_them(void **state)
{
	static const char body[] = "reason=wrong-code factor=totp found=not%20in%20doubt";

	(void)state;
	assert_ptr_equal(in(KM_LANG_EN, body), body);
}

/* What somebody wrote, or what a machine is called, is no word of ours, whatever it looks like. */
static void test_names_and_notes_are_never_translated(void **state)
{
	(void)state;
	assert_string_equal(ja("service=local"), "サービス=local");
	assert_string_equal(ja("note=suspended"), "備考=suspended");
	assert_string_equal(ja("tty=none"), "端末=none");
	assert_string_equal(ja("rhost=remote"), "接続元ホスト=remote");
	assert_string_equal(ja("count=1"), "件数=1");
	assert_string_equal(ja("reader=paper"), "リーダー=paper");
}

/* C10: a value cannot begin a detail of its own: its signs stay escaped. */
static void test_what_is_escaped_stays_so(void **state)
{
	(void)state;
	assert_string_equal(ja("reason=a%20b%1B%3D%22 service=a%20reason%3Dreplay"),
			    "理由=a%20b%1B%3D%22、サービス=a%20reason%3Dreplay");
	assert_string_equal(ja("found=%1B%5B2J"), "検出内容=%1B%5B2J");
}

static void test_what_nobody_knows_stays_as_it_was(void **state)
{
	(void)state;
	assert_string_equal(ja("zweck=wrong-code"), "zweck=wrong-code");
	assert_string_equal(ja("reason=something-new"), "理由=something-new");
	assert_string_equal(ja("alone"), "alone");
	assert_string_equal(ja("changed=name,hat"), "変更=氏名・hat");
	assert_string_equal(ja("changed=12"), "変更=12"); /* of a roster */
}

static void test_what_was_found_is_said_as_status_says_it(void **state)
{
	(void)state;
	assert_string_equal(ja("found=the%20clock%20was%20moved%20by%20-400%20seconds"),
			    "検出内容=「時計が -400 秒動かされました」");
	assert_string_equal(ja("found=record%205%20is%20missing%20from%20the%20trail"),
			    "検出内容=「監査記録に記録 5 がありません」");
}

/* Each word that some table has for the trail, under the key by which it comes. */
static void test_every_word_of_the_tables_is_known(void **state)
{
	static const char *const rows[] = {
#define KM_REASON(name, byte, text, word, japanese) "reason=" word, "理由=" japanese,
#include <kenmon/reason.def>
#undef KM_REASON
#define KM_FACTOR(NAME, number, word, class, japanese) "factor=" word, "要素=" japanese,
#include <kenmon/factor.def>
#undef KM_FACTOR
#define KM_ORDER(NAME, number, word, japanese)                   "order=" word, "送信方法=" japanese,
#define KM_ORDER_STATE(NAME, number, ends, text, word, japanese) "reason=" word, "理由=" japanese,
#define KM_ORDER_WHY(NAME, number, text, word, japanese)         "reason=" word, "理由=" japanese,
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
#define KM_FINGER(NAME, number, word, en, japanese) "finger=" word, "指=" japanese,
#include <kenmon/finger.def>
#undef KM_FINGER
#define KM_CAUSE(NAME, number, word, en, japanese) "cause=" word, "理由=" japanese,
#define KM_BRAKE(NAME, number, word, en, japanese) "brake=" word, "ブレーキ=" japanese,
#include <kenmon/people.def>
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i += 2)
		assert_string_equal(ja(rows[i]), rows[i + 1]);
}

static void test_every_event_has_a_name_that_is_not_its_word(void **state)
{
	static const unsigned events[] = {
#define KM_EVENT(NAME, number, word, priority, japanese) number,
#include <kenmon/event.def>
#undef KM_EVENT
	};

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		const char *name = trail_event(events[i], KM_LANG_JA);

		assert_true(*name & 0x80);
		for (size_t k = 0; k < i; k++) /* and no two have the same */
			assert_string_not_equal(name, trail_event(events[k], KM_LANG_JA));
	}
}

static void test_every_key_is_there_once_and_known(void **state)
{
	static const char *const keys[] = {
#define DESK_DETAIL(key, kind, japanese) key, japanese,
#define DESK_FIELD(key, kind, japanese)
#define DESK_WORD(kind, word, japanese)
#include "../../enroll/trail.def"
#undef DESK_DETAIL
#undef DESK_FIELD
#undef DESK_WORD
	};
	char body[64], want[128];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i += 2) {
		snprintf(body, sizeof(body), "%s=%%41", keys[i]);
		snprintf(want, sizeof(want), "%s=%%41", keys[i + 1]);
		assert_string_equal(ja(body), want);
		for (size_t k = 0; k < i; k += 2)
			assert_string_not_equal(keys[i], keys[k]);
	}
}

static void test_fields_of_a_request_have_words_of_their_own(void **state)
{
	const char *key = "role", *value = "approver";

	(void)state;
	trail_field(&key, &value, KM_LANG_EN);
	assert_string_equal(key, "role");
	assert_string_equal(value, "approver");
	trail_field(&key, &value, KM_LANG_JA);
	assert_string_equal(key, "役割");
	assert_string_equal(value, "承認担当");
	key = "reason"; /* what somebody wrote: no word of ours */
	value = "suspended";
	trail_field(&key, &value, KM_LANG_JA);
	assert_string_equal(key, "理由");
	assert_string_equal(value, "suspended");
	key = "valid-until";
	value = "none";
	trail_field(&key, &value, KM_LANG_JA);
	assert_string_equal(value, "なし");
	key = "neu";
	value = "none";
	trail_field(&key, &value, KM_LANG_JA);
	assert_string_equal(key, "neu");
	assert_string_equal(value, "none");
}

static void test_a_small_place_is_not_run_over(void **state)
{
	char out[24];

	(void)state;
	for (size_t cap = 1; cap <= sizeof(out); cap++) {
		memset(out, '!', sizeof(out));
		trail_details("found=not%20in%20doubt changed=name,role reason=replay", KM_LANG_JA,
			      out, cap);
		assert_true(strlen(out) < cap);
	}
}

/* The longest body that a message carries, all of it keys. */
static void test_the_longest_body_fits(void **state)
{
	static const char many[] = "gone=yes ", last[] = "reason=replay";
	char body[1025];
	size_t at = 0;

	(void)state;
	for (; at + strlen(many) + sizeof(last) <= sizeof(body); at += strlen(many))
		memcpy(body + at, many, strlen(many));
	memcpy(body + at, last, sizeof(last));
	assert_non_null(strstr(ja(body), "、理由=使用済みのコード"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_event_has_its_name_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_keys_and_words_are_said_in_japanese),
		cmocka_unit_test(test_in_english_they_are_as_the_vault_wrote_them),
		cmocka_unit_test(test_names_and_notes_are_never_translated),
		cmocka_unit_test(test_what_is_escaped_stays_so),
		cmocka_unit_test(test_what_nobody_knows_stays_as_it_was),
		cmocka_unit_test(test_what_was_found_is_said_as_status_says_it),
		cmocka_unit_test(test_every_word_of_the_tables_is_known),
		cmocka_unit_test(test_every_event_has_a_name_that_is_not_its_word),
		cmocka_unit_test(test_every_key_is_there_once_and_known),
		cmocka_unit_test(test_fields_of_a_request_have_words_of_their_own),
		cmocka_unit_test(test_a_small_place_is_not_run_over),
		cmocka_unit_test(test_the_longest_body_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
