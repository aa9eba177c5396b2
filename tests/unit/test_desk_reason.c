/* The vault's reasons, said to somebody who reads Japanese. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/phone.h>
#include <kenmon/texts.h>

#include "../../enroll/desk.h"

static const struct {
	const char *said, *ja;
} rows[] = {
#define DESK_REASON(en, ja) { en, ja },
#include "../../enroll/why.def"
#undef DESK_REASON
};

static const struct {
	const char *key, *said, *ja;
} statuses[] = {
#define DESK_STATUS(key, en, ja) { key, en, ja },
#include "../../enroll/status.def"
#undef DESK_STATUS
};

static const char *in(enum km_lang lang, const char *said)
{
	static char out[512];

	return desk_reason(said, lang, out, sizeof(out));
}

static void test_a_reason_is_said_in_the_language_of_who_reads_it(void **state)
{
	(void)state;
	assert_string_equal(in(KM_LANG_JA, "an operator has this login"),
			    "このログイン名の職員がいます");
	assert_string_equal(in(KM_LANG_EN, "an operator has this login"),
			    "an operator has this login");
}

static void test_its_values_are_kept(void **state)
{
	(void)state;
	assert_string_equal(in(KM_LANG_JA, "no operator is registered under the login tanaka"),
			    "ログイン名 tanaka の職員は登録されていません");
	assert_string_equal(in(KM_LANG_JA, "no request 12 waits: it was decided, or has expired"),
			    "申請 12 は待っていません。決定済みか、期限切れです");
	assert_string_equal(in(KM_LANG_JA, "the secret must have 16 to 64 bytes"),
			    "シークレットは 16 から 64 バイトで指定してください");
	assert_string_equal(in(KM_LANG_JA, "the operator is suspended already"),
			    "この職員はすでに停止中です");
	assert_string_equal(
	    in(KM_LANG_JA,
	       "an older roster than the last one: it is taken with --accept-erasures 4"),
	    "前回より古い名簿。--accept-erasures 4 で取り込みます");
}

static void test_roles_states_and_causes_in_a_sentence_are_said_in_japanese(void **state)
{
	(void)state;
	assert_string_equal(in(KM_LANG_JA, "the operator is erasing: no code opens anything"),
			    "この職員の状態は消去中で、どのコードでもログインできません");
	assert_string_equal(
	    in(KM_LANG_JA, "it takes one of the roles registrar, officer, and "
			   "membership in its Unix group where [roles] names one"),
	    "役割「登録担当、セキュリティ責任者」のいずれかと、[roles] で指定された Unix "
	    "グループに属することが必要です");
	assert_string_equal(in(KM_LANG_JA, "this cannot be: department"),
			    "この値は指定できません: 部署");
	assert_string_equal(in(KM_LANG_EN, "the operator is suspended"),
			    "the operator is suspended");
}

/* Somebody may be called like a word of ours, and a word may be new. */
static void test_a_name_in_a_sentence_is_never_translated(void **state)
{
	(void)state;
	assert_string_equal(in(KM_LANG_JA, "no operator is registered under the login approver"),
			    "ログイン名 approver の職員は登録されていません");
	assert_string_equal(in(KM_LANG_JA, "the operator is dormant"),
			    "この職員の状態はdormantです");
	assert_string_equal(in(KM_LANG_JA, "the operator is active, dormant"),
			    "この職員の状態はactive, dormantです");
}

static void test_what_is_wrong_with_a_number_is_said_in_japanese_too(void **state)
{
	char said[256];

	(void)state;
	assert_string_equal(in(KM_LANG_JA, "the number cannot be used: digits are missing"),
			    "この番号は使えません: 桁が足りません");
	for (unsigned fault = KM_PHONE_EMPTY; fault <= KM_PHONE_BARRED; fault++) {
		const char *en = km_phone_fault_text((enum km_phone_fault)fault);

		snprintf(said, sizeof(said), "the number cannot be used: %s", en);
		assert_null(strstr(in(KM_LANG_JA, said), en));
		assert_string_equal(in(KM_LANG_EN, said), said);
	}
	assert_string_equal(km_phone_fault_text(KM_PHONE_BARRED + 1), "?");
}

static void test_what_the_door_says_is_known_too(void **state)
{
	(void)state;
	assert_string_equal(
	    in(KM_LANG_JA, "Too many wrong codes. Wait 30 seconds, or ask your administrator."),
	    "コードの誤りが続いたため、30 秒待つか、管理者に連絡してください。");
}

static void test_what_nobody_knows_stays_as_it_was_said(void **state)
{
	static const char *const unknown[] = { "",
					       "%s",
					       "%",
					       "an operator has this logi",
					       "an operator has this login and more",
					       "no request 12 waits" };

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_string_equal(in(KM_LANG_JA, unknown[i]), unknown[i]);
}

static void test_a_value_that_is_longer_than_any_is_left_in_english(void **state)
{
	char said[512] = "no operator is registered under the login ";

	(void)state;
	memset(said + strlen(said), 'x', 300);
	assert_string_equal(in(KM_LANG_JA, said), said);
}

static void test_a_small_place_is_not_run_over(void **state)
{
	char out[8];

	(void)state;
	for (size_t cap = 1; cap <= sizeof(out); cap++) {
		memset(out, '!', sizeof(out));
		desk_reason("no operator is registered under the login tanaka", KM_LANG_JA, out,
			    cap);
		assert_true(strlen(out) < cap);
	}
}

/* Each row's own sentence, with a number for each value, is found, and by no other row before it.
 */
static void test_every_row_is_found_and_keeps_all_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char said[512] = "", ja[512] = "", mark[8];
		size_t at = 0, values = 0;

		for (const char *f = rows[i].said; *f;) {
			if (*f != '%') {
				said[at++] = *f++;
				continue;
			}
			at += (size_t)sprintf(said + at, "%zu", 71 + values++);
			f += 1 + strspn(f + 1, "l") + 1;
		}
		snprintf(ja, sizeof(ja), "%s", in(KM_LANG_JA, said));
		if (strcmp(ja, said) == 0)
			fail_msg("not found: %s", said);
		for (size_t v = 0; v < values; v++) {
			snprintf(mark, sizeof(mark), "%zu", 71 + v);
			if (!strstr(ja, mark))
				fail_msg("%s: lost a value: %s", said, ja);
		}
		if (strncmp(ja, rows[i].ja, strcspn(rows[i].ja, "%")) != 0)
			fail_msg("%s: by another row: %s", said, ja);
	}
}

/* --- status ---------------------------------------------------------------------------- */

static const char *status_in(enum km_lang lang, const char *key, const char *said)
{
	static char out[1024];

	return desk_status_value(key, said, lang, out, sizeof(out));
}

static void test_status_is_said_in_the_language_of_who_reads_it(void **state)
{
	(void)state;
	assert_string_equal(status_in(KM_LANG_JA, "clock", "the clock was moved by -3600 seconds"),
			    "時計が -3600 秒動かされました");
	assert_string_equal(status_in(KM_LANG_EN, "clock", "not in doubt"), "not in doubt");
	assert_string_equal(
	    status_in(KM_LANG_JA, "roster",
		      "number 3, accepted 2026-04-01, being worked off: 5 of 9 rows"),
	    "番号 3、2026-04-01 に受け付け、処理中: 9 行中 5 行");
	assert_string_equal(
	    status_in(KM_LANG_JA, "review", "signed off on 2026-01-01; due on 2026-06-30"),
	    "前回 2026-01-01。次の期限 2026-06-30");
	assert_string_equal(
	    status_in(KM_LANG_JA, "bypass", "sato may log in with it until 2026-04-01 09:00 UTC"),
	    "sato は 2026-04-01 09:00 UTC までこれでログインできます");
}

static void test_words_in_status_are_said_in_japanese_and_names_are_not(void **state)
{
	(void)state;
	assert_string_equal(
	    status_in(KM_LANG_JA, "administrators",
		      "active is the last approver, and due to go on 2026-04-01 (retired): nothing "
		      "is destroyed of them until there is another; register another first"),
	    "active は最後の承認担当で、2026-04-01 に離任予定です (退職)。"
	    "ほかに登録されるまで何も消去しません。先に別の人を登録してください");
	assert_string_equal(status_in(KM_LANG_JA, "administrator",
				      "auditor: officer, suspended, last code 2026-04-01"),
			    "auditor: セキュリティ責任者、停止中、最後のコード 2026-04-01");
}

static void test_a_sentence_within_one_of_status_is_said_in_japanese_too(void **state)
{
	(void)state;
	assert_string_equal(
	    status_in(
		KM_LANG_JA, "key-epoch",
		"2 is not closed: wrapped keys in vault.db do not open: restore it from a backup"),
	    "世代 2 は閉じられていません: vault.db "
	    "の鍵が開けません。バックアップから復元してください");
	assert_string_equal(
	    status_in(KM_LANG_JA, "messages", "by an HTTP gateway; no service asks for them"),
	    "HTTP ゲートウェイで送信 (使用するサービスはありません)");
	assert_string_equal(status_in(KM_LANG_JA, "logins-today", "7 by a code that was sent"),
			    "送信したコードによるもの 7 件");
}

/* A record that was changed is what an anchor says, too. */
static void test_status_falls_back_to_reasons_and_then_to_what_was_said(void **state)
{
	(void)state;
	assert_string_equal(status_in(KM_LANG_JA, "database", "record 5 is missing from the trail"),
			    "監査記録に記録 5 がありません");
	assert_string_equal(status_in(KM_LANG_JA, "operators", "17"), "17");
	assert_string_equal(status_in(KM_LANG_JA, "sent-today", "not in doubt"), "not in doubt");
	assert_string_equal(
	    status_in(KM_LANG_JA, "administrator", "none: registrar, active, last code never"),
	    "none: 登録担当、有効、最後のコード なし");
}

/* By their place: somebody's login may be such a word. */
static void test_words_of_the_vaults_are_said_in_japanese_and_names_are_not(void **state)
{
	(void)state;
	assert_string_equal(in(KM_LANG_JA, "the operator is suspended"),
			    "この職員の状態は停止中です");
	assert_string_equal(in(KM_LANG_JA, "no operator is registered under the login active"),
			    "ログイン名 active の職員は登録されていません");
	assert_string_equal(status_in(KM_LANG_JA, "administrator",
				      "approver: approver, suspended, last code 2026-04-01"),
			    "approver: 承認担当、停止中、最後のコード 2026-04-01");
	assert_string_equal(
	    status_in(
		KM_LANG_JA, "administrators",
		"no approver has a good code today: nothing that takes two persons can be done"),
	    "今日、有効なコードを持つ承認担当がいません。二人を要する操作はできません");
	assert_string_equal(status_in(KM_LANG_JA, "administrators",
				      "root is the last registrar, and due to go on 2026-04-01 "
				      "(unused): nothing is destroyed of them until there is "
				      "another; register another first"),
			    "root は最後の登録担当で、2026-04-01 に離任予定です (長期間の未使用)"
			    "。ほかに登録されるまで何も消去しません。先に別の人を登録してください");
}

static void test_every_row_of_status_is_found_under_its_key(void **state)
{
	char said[512], kept[4][8];

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const char *format = statuses[i].said;
		size_t at = 0;
		unsigned n = 0;

		while (*format) {
			if (*format != '%') {
				said[at++] = *format++;
				continue;
			}
			format += 1 + strspn(format + 1, "l") + 1;
			snprintf(kept[n], sizeof(kept[n]), "%u", 7001 + n);
			at += (size_t)snprintf(said + at, sizeof(said) - at, "%s", kept[n++]);
		}
		said[at] = '\0';
		if (strcmp(status_in(KM_LANG_JA, statuses[i].key, said), said) == 0)
			fail_msg("%s is not known: %s", statuses[i].key, said);
		while (n--)
			if (!strstr(status_in(KM_LANG_JA, statuses[i].key, said), kept[n]))
				fail_msg("%s loses a value: %s", statuses[i].key, statuses[i].ja);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reason_is_said_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_its_values_are_kept),
		cmocka_unit_test(test_roles_states_and_causes_in_a_sentence_are_said_in_japanese),
		cmocka_unit_test(test_a_name_in_a_sentence_is_never_translated),
		cmocka_unit_test(test_what_is_wrong_with_a_number_is_said_in_japanese_too),
		cmocka_unit_test(test_what_the_door_says_is_known_too),
		cmocka_unit_test(test_what_nobody_knows_stays_as_it_was_said),
		cmocka_unit_test(test_a_value_that_is_longer_than_any_is_left_in_english),
		cmocka_unit_test(test_a_small_place_is_not_run_over),
		cmocka_unit_test(test_every_row_is_found_and_keeps_all_values),
		cmocka_unit_test(test_status_is_said_in_the_language_of_who_reads_it),
		cmocka_unit_test(test_words_in_status_are_said_in_japanese_and_names_are_not),
		cmocka_unit_test(test_a_sentence_within_one_of_status_is_said_in_japanese_too),
		cmocka_unit_test(test_words_of_the_vaults_are_said_in_japanese_and_names_are_not),
		cmocka_unit_test(test_status_falls_back_to_reasons_and_then_to_what_was_said),
		cmocka_unit_test(test_every_row_of_status_is_found_under_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
