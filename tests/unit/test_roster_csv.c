/*
 * A roster as a file: what is read of it, and every way in which it is refused. C10: hostile
 * fields; C18: feeds that are empty, cut, header-only, damaged.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>

#include "../../enroll/roster_csv.h"

#define HEAD "employee_number,login,name,department\n"
#define FULL                                                                                       \
	"employee_number,login,name,department,role,valid_from,valid_until,status,mobile,"         \
	"landline\n"
#define SATO "1,sato,Sato,D\n"

static struct km_conf conf;

struct scene {
	struct desk d;
	struct roster r;
	char *said;
	size_t said_len;
	struct roster_row rows[64];
	unsigned count;
};

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("roster", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static km_rc take(void *arg, const struct roster_row *row)
{
	struct scene *s = arg;

	assert_true(s->count < 64);
	s->rows[s->count++] = *row;
	return KM_OK;
}

static km_rc read_bytes(struct scene *s, const void *bytes, size_t len, uint32_t rows)
{
	int fd = file_of(bytes, len);
	km_rc rc;

	memset(s, 0, sizeof(*s));
	km_conf_defaults(&conf);
	desk_init(&s->d);
	s->d.lang = KM_LANG_EN;
	rc = feedfile_read(&s->d, fd, &conf, rows, &s->r);
	close(fd);
	if (rc == KM_OK && s->r.rows <= 64)
		assert_int_equal(feedfile_each(&s->r, take, s), KM_OK);
	return rc;
}

static void end(struct scene *s)
{
	feedfile_free(&s->r);
}

/* All of it is right, and gives so many rows. */
static void is_good(struct scene *s, const char *text, unsigned rows)
{
	km_rc rc = read_bytes(s, text, strlen(text), 0);

	if (rc != KM_OK)
		fail_msg("refused (%d): %s: %s%s", rc, text, s->d.why,
			 s->r.problems ? desk_text(s->r.problem[0].text, KM_LANG_EN) : "");
	assert_int_equal(s->count, rows);
	assert_int_equal(s->r.rows, rows);
}

/* One fault alone: in this line and column. */
static void has_fault(const char *text, size_t len, uint32_t line, unsigned column,
		      enum desk_text fault)
{
	struct scene s;
	km_rc rc = read_bytes(&s, text, len, 0);

	if (rc != KM_EINVAL || s.r.problems != 1)
		fail_msg("rc %d, %zu faults: %s", rc, s.r.problems, text);
	if (s.r.problem[0].text != fault || s.r.problem[0].line != line ||
	    s.r.problem[0].column != column)
		fail_msg("line %u, column %u, fault %s: %s", s.r.problem[0].line,
			 s.r.problem[0].column, desk_text(s.r.problem[0].text, KM_LANG_EN), text);
	assert_int_equal(s.count, 0);
	end(&s);
}
#define HAS_FAULT(text, line, column, fault)                                                       \
	has_fault(text, sizeof(text) - 1, line, column, DESK_ROSTER_##fault)
#define FILE_FAULT(text, line, fault) HAS_FAULT(text, line, ROSTER_COLUMNS, fault)

static int64_t day(const char *iso)
{
	int64_t d = 0;

	assert_int_equal(km_day_parse(iso, &d), KM_OK);
	return d;
}

/* --- what is read ------------------------------------------------------------------ */

static void test_a_row_with_every_column_is_read_as_it_stands(void **state)
{
	struct scene s;
	const struct roster_row *r = s.rows;

	(void)state;
	is_good(&s,
		FULL "1024,sato,\"佐藤　花子\",保険年金課,registrar,2026-04-01,令和9年3月31日,"
		     "active,090-1234-5678,+81 3 1234 5678\n",
		1);
	assert_int_equal(r->line, 2);
	assert_string_equal(r->employee_number, "1024");
	assert_string_equal(r->login, "sato");
	assert_string_equal(r->name, "佐藤　花子");
	assert_string_equal(r->department, "保険年金課");
	assert_string_equal(r->role, "registrar");
	assert_true(r->valid_from == day("2026-04-01"));
	assert_true(r->valid_until == day("2027-03-31"));
	assert_int_equal(r->status, KM_ROSTER_ACTIVE);
	assert_string_equal(r->mobile, "09012345678");
	assert_string_equal(r->landline, "+81312345678");
	assert_int_equal(feedfile_columns(&s.r), KM_CHANGE_NAME | KM_CHANGE_DEPARTMENT |
						     KM_CHANGE_ROLE | KM_CHANGE_VALID_FROM |
						     KM_CHANGE_VALID_UNTIL | KM_CHANGE_MOBILE |
						     KM_CHANGE_LANDLINE);
	end(&s);
}

static void test_what_a_short_roster_does_not_say_is_left_open(void **state)
{
	struct scene s;

	(void)state;
	is_good(&s, HEAD SATO, 1);
	assert_string_equal(s.rows[0].role, "");
	assert_int_equal(s.rows[0].status, KM_ROSTER_NONE);
	assert_true(s.rows[0].valid_from == KM_DAY_NONE);
	assert_true(s.rows[0].valid_until == KM_DAY_NONE);
	assert_int_equal(feedfile_columns(&s.r), KM_CHANGE_NAME | KM_CHANGE_DEPARTMENT);
	end(&s);
	is_good(&s, FULL "1,sato,Sato,D,,,,,,\n", 1);
	assert_string_equal(s.rows[0].role, "operator");
	assert_int_equal(s.rows[0].status, KM_ROSTER_ACTIVE);
	end(&s);
}

static void test_columns_are_found_by_their_japanese_headers_in_any_order(void **state)
{
	struct scene s;

	(void)state;
	is_good(&s, "備考,所属, 氏名 ,ログイン名,\"職員番号\",状態\nx,D,Sato,sato,1,転出\n", 1);
	assert_string_equal(s.rows[0].login, "sato");
	assert_string_equal(s.rows[0].department, "D");
	assert_int_equal(s.rows[0].status, KM_ROSTER_TRANSFERRED);
	assert_string_equal(s.r.ignored, "備考");
	end(&s);
}

static void test_columns_are_found_by_what_the_site_calls_them(void **state)
{
	static const char text[] = "番号,login,name,department\n1,sato,Sato,D\n";
	int fd = file_of(text, sizeof(text) - 1);
	struct km_conf site;
	struct roster r;
	struct desk d;

	(void)state;
	km_conf_defaults(&site);
	snprintf(site.roster_column.employee_number, sizeof(site.roster_column.employee_number),
		 "番号");
	desk_init(&d);
	assert_int_equal(feedfile_read(&d, fd, &site, 0, &r), KM_OK);
	assert_int_equal(r.place[ROSTER_EMPLOYEE_NUMBER], 0);
	feedfile_free(&r);
	close(fd);
}

static void test_lines_may_end_as_windows_ends_them_and_be_blank(void **state)
{
	struct scene s;

	(void)state;
	is_good(&s,
		"\xef\xbb\xbf"
		"employee_number,login,name,department\r\n\r\n1,sato,Sato,D\r\n\n  \n"
		"2,\"suzuki\",Suzuki,\"D, E\"\r\n",
		2);
	assert_int_equal(s.rows[0].line, 3);
	assert_int_equal(s.rows[1].line, 6);
	assert_string_equal(s.rows[1].department, "D, E");
	end(&s);
}

static void test_a_roster_in_cp932_is_read_as_the_same_in_utf8(void **state)
{
	/* 職員番号,ログイン名,氏名,所属 / 1,sato,佐藤 表示,税務課 ("表" ends in a backslash) */
	static const char text[] =
	    "\x90\x45\x88\xf5\x94\xd4\x8d\x86,\x83\x8d\x83\x4f\x83\x43\x83\x93\x96\xbc,"
	    "\x8e\x81\x96\xbc,\x8f\x8a\x91\xae\r\n"
	    "1,sato,\x8d\xb2\x93\xa1\x81\x40\x95\x5c\x8e\xa6,\x90\xc5\x96\xb1\x89\xdb\r\n";
	struct scene s;

	(void)state;
	assert_int_equal(read_bytes(&s, text, sizeof(text) - 1, 0), KM_OK);
	assert_true(sheet_text_is_cp932(&s.r.text));
	assert_string_equal(s.rows[0].name, "佐藤　表示");
	assert_string_equal(s.rows[0].department, "税務課");
	end(&s);
}

static void test_characters_across_the_borders_of_pieces_are_whole(void **state)
{
	char *text = malloc(64 * 1024);
	struct scene s;

	(void)state;
	assert_non_null(text);
	/* Padded so that a two-byte character lies across each byte of the first border. */
	for (unsigned pad = 0; pad < 8; pad++) {
		size_t len = (size_t)sprintf(text, HEAD);

		for (unsigned i = 0; i < 40; i++)
			len += (size_t)sprintf(text + len, "%u,u%u,%.*s\x8d\xb2%0*d\x93\xa1,D\r\n",
					       i + 1, i, (int)pad, "xxxxxxxx", 150, 0);
		assert_int_equal(read_bytes(&s, text, len, 0), KM_OK);
		assert_int_equal(s.count, 40);
		for (unsigned i = 0; i < 40; i++) {
			assert_memory_equal(s.rows[i].name + pad, "佐", 3);
			assert_string_equal(s.rows[i].name + pad + 3 + 150, "藤");
		}
		end(&s);
	}
	free(text);
}

/* --- C18: the file as a whole --------------------------------------------------------- */

static void test_an_empty_file_and_a_header_alone_are_refused(void **state)
{
	(void)state;
	FILE_FAULT("", 0, EMPTY);
	FILE_FAULT("\n\n", 0, EMPTY);
	FILE_FAULT("\xef\xbb\xbf", 0, EMPTY);
	FILE_FAULT(HEAD, 0, NO_ROWS);
	FILE_FAULT(HEAD "\n\n", 0, NO_ROWS);
}

static void test_a_file_that_was_cut_anywhere_is_refused_or_shorter_by_whole_rows(void **state)
{
	static const char text[] = HEAD "1,sato,\"Sa\"\"to\",D\n2,suzuki,Suzuki,E\n";
	unsigned refused = 0, taken = 0;
	struct scene s;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		if (read_bytes(&s, text, len, 0) == KM_OK) {
			assert_int_equal(text[len - 1], '\n');
			assert_int_equal(s.count, 1);
			taken++;
		} else
			refused++;
		end(&s);
		/* Where the number of rows is known, no cut passes. */
		assert_int_equal(read_bytes(&s, text, len, 2), KM_EINVAL);
		end(&s);
	}
	assert_int_equal(taken, 1); /* behind the first of two rows */
	assert_int_equal(refused, sizeof(text) - 2);
	assert_int_equal(read_bytes(&s, text, sizeof(text) - 1, 2), KM_OK);
	end(&s);
}

static void test_a_last_line_that_says_the_number_of_rows_is_held_to_it(void **state)
{
	struct scene s;

	(void)state;
	is_good(&s, HEAD SATO "#rows,1\n", 1);
	end(&s);
	is_good(&s, HEAD SATO "#rows,1", 1);
	end(&s);
	is_good(&s, HEAD SATO "#件数,1,,\r\n\r\n", 1);
	end(&s);
	FILE_FAULT(HEAD SATO "#rows,2\n", 3, TRAILER);
	FILE_FAULT(HEAD SATO "#rows,1x\n", 3, TRAILER);
	FILE_FAULT(HEAD SATO "#rows\n", 3, TRAILER);
	FILE_FAULT(HEAD SATO "#rows,1\n2,x,X,D\n", 4, BEHIND);
}

static void test_a_row_with_too_few_or_too_many_columns_is_refused(void **state)
{
	(void)state;
	FILE_FAULT(HEAD SATO "2,suzuki,Suzuki\n", 3, WIDTH);
	FILE_FAULT(HEAD SATO "2,suzuki,Suzuki,D,E\n", 3, WIDTH);
	FILE_FAULT(HEAD SATO "2\n", 3, WIDTH);
}

static void test_a_quotation_mark_in_the_wrong_place_ends_the_reading(void **state)
{
	(void)state;
	FILE_FAULT(HEAD "1,sato,Sa\"to,D\n2,suzuki,Suzuki\n", 2, QUOTE);
	FILE_FAULT(HEAD "1,sato,\"Sa\"to,D\n", 2, QUOTE);
	FILE_FAULT(HEAD SATO "2,suzuki,\"Suzuki,D\n3,x,X,D\n", 3, OPEN_QUOTE);
	FILE_FAULT(HEAD SATO "2,suzuki,Suzuki,\"D", 3, OPEN_QUOTE);
}

static void test_headers_that_are_missing_or_there_twice_are_named(void **state)
{
	struct scene s;

	(void)state;
	HAS_FAULT("employee_number,login,name\n1,sato,Sato\n", 1, ROSTER_DEPARTMENT,
		  COLUMN_MISSING);
	HAS_FAULT("employee_number,login,name,department,氏名\n1,sato,Sato,D,S\n", 1, ROSTER_NAME,
		  COLUMN_TWICE);
	assert_int_equal(read_bytes(&s, "1,sato,Sato,D\n", 14, 0), KM_EINVAL);
	assert_int_equal(s.r.problems, 4); /* each of the four that must be there */
	end(&s);
	HAS_FAULT("employee_number,login,name,department,a\x1b[1m\n", 1, ROSTER_COLUMNS, PLAIN);
}

static void test_the_limits_of_rows_columns_and_fields_are_kept(void **state)
{
	char *text = malloc(ROSTER_ROWS_MAX * 24 + 4096);
	size_t len;
	struct scene s;

	(void)state;
	assert_non_null(text);
	len = (size_t)sprintf(text, "employee_number,login,name,department");
	for (unsigned i = 4; i < ROSTER_CELLS_MAX; i++)
		len += (size_t)sprintf(text + len, ",x");
	len += (size_t)sprintf(text + len, "\n1,sato,Sato,D%.*s\n", ROSTER_CELLS_MAX - 4,
			       ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,");
	assert_int_equal(read_bytes(&s, text, len, 0), KM_OK);
	end(&s);
	len = (size_t)sprintf(text, "employee_number,login,name,department");
	for (unsigned i = 4; i <= ROSTER_CELLS_MAX; i++)
		len += (size_t)sprintf(text + len, ",x");
	len += (size_t)sprintf(text + len, "\n");
	has_fault(text, len, 1, ROSTER_COLUMNS, DESK_ROSTER_CELLS);

	len = (size_t)sprintf(text, HEAD "1,sato,%0*d,D\n", ROSTER_FIELD_MAX, 0);
	has_fault(text, len, 2, ROSTER_NAME, DESK_ROSTER_LONG);
	len = (size_t)sprintf(text, HEAD "1,sato,%0*d,D\n", ROSTER_FIELD_MAX + 1, 0);
	has_fault(text, len, 2, ROSTER_COLUMNS, DESK_ROSTER_FIELD_LONG);
	len = (size_t)sprintf(text, HEAD "1,sato,\"%0*d,D\n", 3 * ROSTER_FIELD_MAX, 0);
	has_fault(text, len, 2, ROSTER_COLUMNS, DESK_ROSTER_FIELD_LONG);

	len = (size_t)sprintf(text, HEAD);
	for (unsigned i = 0; i < ROSTER_ROWS_MAX; i++)
		len += (size_t)sprintf(text + len, "%u,s%u,x,y\n", i, i);
	assert_int_equal(read_bytes(&s, text, len, ROSTER_ROWS_MAX), KM_OK);
	end(&s);
	len += (size_t)sprintf(text + len, "x,sx,x,y\n");
	has_fault(text, len, ROSTER_ROWS_MAX + 2, ROSTER_COLUMNS, DESK_ROSTER_ROWS);
	free(text);
}

static void test_what_is_no_regular_file_or_too_large_is_refused(void **state)
{
	struct roster r;
	struct desk d;
	int pair[2], fd = memfd_create("large", MFD_CLOEXEC);

	(void)state;
	km_conf_defaults(&conf);
	desk_init(&d);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(feedfile_read(&d, pair[0], &conf, 0, &r), KM_EINVAL);
	assert_non_null(strstr(d.why, "regular"));
	feedfile_free(&r);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(ftruncate(fd, (off_t)ROSTER_BYTES_MAX + 1), 0);
	assert_int_equal(feedfile_read(&d, fd, &conf, 0, &r), KM_EINVAL);
	assert_non_null(strstr(d.why, "64 MiB"));
	feedfile_free(&r);
	close(fd);
	assert_int_equal(feedfile_read(&d, -1, &conf, 0, &r), KM_EINVAL);
	feedfile_free(&r);
}

static void test_a_file_that_grows_while_it_is_read_is_left_for_later(void **state)
{
	/* Regular, of no size, and there is something to read. */
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	struct roster r;
	struct desk d;

	(void)state;
	desk_init(&d);
	assert_true(fd >= 0);
	assert_int_equal(feedfile_read(&d, fd, &conf, 0, &r), KM_EAGAIN);
	assert_non_null(strstr(d.why, "still being written"));
	feedfile_free(&r);
	close(fd);
}

/* --- what bytes it is made of ------------------------------------------------------------ */

static void refused_because(const char *text, size_t len, const char *why)
{
	struct scene s;

	assert_int_equal(read_bytes(&s, text, len, 0), KM_EINVAL);
	if (!strstr(s.d.why, why))
		fail_msg("\"%s\" is not in: %s", why, s.d.why);
	assert_int_equal(s.r.problems, 0);
	end(&s);
}
#define REFUSED_BECAUSE(text, why) refused_because(text, sizeof(text) - 1, why)

static void test_a_byte_that_is_no_text_is_named_by_line_and_byte(void **state)
{
	(void)state;
	/* 0x82 0xff is no CP932, and 0x82 no beginning of UTF-8. */
	REFUSED_BECAUSE(HEAD "1,sato,\x82\xff,D\n", "neither UTF-8 (see 2:8");
	REFUSED_BECAUSE(HEAD "1,sato,\x82\xff,D\n", "CP932 (see 2:8)");
	REFUSED_BECAUSE(HEAD SATO "2,x,\x8d\xb2\x93", "neither UTF-8");
	REFUSED_BECAUSE("\xef\xbb\xbf" HEAD "1,sato,\x8d\xb2,D\n", "what stands at 2:8");
}

static void test_a_damaged_utf8_file_is_not_taken_for_cp932(void **state)
{
	char text[] = HEAD "1,sato,佐藤花子,保険年金課\n2,suzuki,鈴木一郎,税務課\n";
	struct scene s;
	unsigned tried = 0;

	(void)state;
	for (size_t i = sizeof(HEAD) - 1; i < sizeof(text) - 1; i++) {
		char kept = text[i];

		if ((text[i] & 0x80) == 0)
			continue;
		text[i] = '\x80';
		if ((unsigned char)kept != 0x80) {
			km_rc rc = read_bytes(&s, text, sizeof(text) - 1, 0);

			if ((kept & 0x40) && rc == KM_OK)
				fail_msg("a lead byte at %zu was damaged, and it was read", i);
			assert_false(rc == KM_OK && sheet_text_is_cp932(&s.r.text));
			end(&s);
			tried++;
		}
		text[i] = kept;
	}
	assert_true(tried > 40);
}

/* --- C10: fields ------------------------------------------------------------------------------ */

static const struct {
	const char *bytes;
	size_t len;
} hostile[] = {
#define HOSTILE(text)                                                                              \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
	HOSTILE("\"a\nb\""),
	HOSTILE("a\rb"),
	HOSTILE("\"a\r\nb\""),
	HOSTILE("a\0b"),
	HOSTILE("a\x1b[2Jb"),
	HOSTILE("a\xe2\x80\xa8"
		"b"),
	HOSTILE("a\xe2\x80\x8b"
		"b"),
	HOSTILE("a\xe2\x80\xae"
		"b"),
	HOSTILE("a\xef\xbb\xbf"
		"b"),
	HOSTILE("a\tb"),
	HOSTILE("a\x7f"),
	HOSTILE("a\xc2\x85"
		"b"),
	HOSTILE("a\r"),
#undef HOSTILE
};

static void test_c10_no_field_takes_what_hides_moves_or_ends_a_line(void **state)
{
	static const char good[ROSTER_COLUMNS][16] = { "1", "sato", "Sato", "D", "",
						       "",  "",     "",     "",  "" };
	char text[512];

	(void)state;
	for (unsigned column = 0; column < ROSTER_COLUMNS; column++) {
		for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
			size_t len = 0;

			for (unsigned c = 0; c < ROSTER_COLUMNS; c++)
				len += (size_t)sprintf(text + len, "%s%s", c ? "," : "",
						       sheet_column_word(c));
			text[len++] = '\n';
			for (unsigned c = 0; c < ROSTER_COLUMNS; c++) {
				if (c)
					text[len++] = ',';
				memcpy(text + len, c == column ? hostile[i].bytes : good[c],
				       c == column ? hostile[i].len : strlen(good[c]));
				len += c == column ? hostile[i].len : strlen(good[c]);
			}
			text[len++] = '\n';
			/* The last field's "\r" is the line's end, and no part of it. */
			if (column == ROSTER_STATUS && hostile[i].bytes[hostile[i].len - 1] == '\r')
				has_fault(text, len, 2, column, DESK_ROSTER_STATUS_WORD);
			else
				has_fault(text, len, 2, column, DESK_ROSTER_PLAIN);
		}
	}
}

static void test_c10_identifiers_take_no_formula_no_path_and_no_option(void **state)
{
	static const char *const bad[] = { "=1+1", "+1",  "-1", "@x", "../x", "a/b", "a b",
					   "a;b",  "a'b", ".x", "$x", "a\\b", "%x",  "\"\"\"x\"" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = (size_t)snprintf(text, sizeof(text), HEAD "%s,sato,Sato,D\n", bad[i]);

		has_fault(text, len, 2, ROSTER_EMPLOYEE_NUMBER, DESK_ROSTER_NUMBER);
		len = (size_t)snprintf(text, sizeof(text), HEAD "1,%s,Sato,D\n", bad[i]);
		has_fault(text, len, 2, ROSTER_LOGIN, DESK_ROSTER_LOGIN_NAME);
	}
	HAS_FAULT(HEAD "１,sato,Sato,D\n", 2, ROSTER_EMPLOYEE_NUMBER, NUMBER);
	HAS_FAULT(HEAD "1,佐藤,Sato,D\n", 2, ROSTER_LOGIN, LOGIN_NAME);
	HAS_FAULT(HEAD "1,root,Sato,D\n", 2, ROSTER_LOGIN, ROOT);
}

static void test_names_an_account_can_have_are_taken(void **state)
{
	struct scene s;

	(void)state;
	/* The last is what offices have whose people log in by their employee number. */
	is_good(&s,
		HEAD "A-1,_svc.x-y,X,D\n1024-2,Sato,X,D\n3,sato@example.jp,X,D\n4,9lives,X,D\n"
		     "0012345,0012345,X,D\n",
		5);
	end(&s);
}

static void test_c10_a_name_that_is_a_formula_or_a_path_is_a_name(void **state)
{
	struct scene s;

	(void)state;
	is_good(&s, HEAD "1,sato,=1+1,../D\n", 1);
	assert_string_equal(s.rows[0].name, "=1+1");
	assert_string_equal(s.rows[0].department, "../D");
	end(&s);
}

static void test_each_column_refuses_what_it_cannot_mean(void **state)
{
	(void)state;
	HAS_FAULT(HEAD ",sato,Sato,D\n", 2, ROSTER_EMPLOYEE_NUMBER, EMPTY_CELL);
	HAS_FAULT(HEAD "1,,Sato,D\n", 2, ROSTER_LOGIN, EMPTY_CELL);
	HAS_FAULT(HEAD "1,sato,\"  　\",D\n", 2, ROSTER_NAME, EMPTY_CELL);
	HAS_FAULT(HEAD "1,sato,Sato,\n", 2, ROSTER_DEPARTMENT, EMPTY_CELL);
	HAS_FAULT(FULL "1,sato,Sato,D,king,,,,,\n", 2, ROSTER_ROLE, ROLE_WORD);
	HAS_FAULT(FULL "1,sato,Sato,D,,,,gone,,\n", 2, ROSTER_STATUS, STATUS_WORD);
	HAS_FAULT(FULL "1,sato,Sato,D,,soon,,,,\n", 2, ROSTER_VALID_FROM, DATE);
	HAS_FAULT(FULL "1,sato,Sato,D,,2026-02-30,,,,\n", 2, ROSTER_VALID_FROM, DATE_NO_SUCH);
	HAS_FAULT(FULL "1,sato,Sato,D,,,平成31年5月1日,,,\n", 2, ROSTER_VALID_UNTIL, DATE_ERA);
	HAS_FAULT(FULL "1,sato,Sato,D,,2026-04-02,2026-04-01,,,\n", 2, ROSTER_VALID_UNTIL, ORDER);
	HAS_FAULT(FULL "1,sato,Sato,D,,,,,call me,\n", 2, ROSTER_MOBILE, PHONE);
	HAS_FAULT(FULL "1,sato,Sato,D,,,,,,12\n", 2, ROSTER_LANDLINE, PHONE);
	HAS_FAULT(FULL "1,sato,Sato,D,,,,,,+\n", 2, ROSTER_LANDLINE, PHONE);
	HAS_FAULT(FULL "1,sato,Sato,D,,,,,,123456789012345678901\n", 2, ROSTER_LANDLINE, PHONE);
	HAS_FAULT(FULL "1,sato,Sato,D,,,,,,=0312345678\n", 2, ROSTER_LANDLINE, PHONE);
}

static void test_telephone_numbers_are_read_however_they_are_grouped(void **state)
{
	struct scene s;

	(void)state;
	is_good(&s,
		FULL "1,a,A,D,,,,,０９０－１２３４－５６７８,(03)1234-5678\n"
		     "2,b,B,D,,,,,＋81 90 1234 5678,4021\n",
		2);
	assert_string_equal(s.rows[0].mobile, "09012345678");
	assert_string_equal(s.rows[0].landline, "0312345678");
	assert_string_equal(s.rows[1].mobile, "+819012345678");
	assert_string_equal(s.rows[1].landline, "4021");
	end(&s);
}

static void test_numbers_and_logins_that_stand_twice_are_named_with_both_lines(void **state)
{
	struct scene s;

	(void)state;
	HAS_FAULT(HEAD SATO "1,suzuki,S,D\n", 3, ROSTER_EMPLOYEE_NUMBER, TWICE);
	HAS_FAULT(HEAD SATO "2,tanaka,T,D\n3,sato,S,D\n", 4, ROSTER_LOGIN, TWICE);
	assert_int_equal(read_bytes(&s, HEAD SATO SATO SATO, sizeof(HEAD SATO SATO SATO) - 1, 0),
			 KM_EINVAL);
	assert_int_equal(s.r.problems, 4);
	assert_string_equal(s.r.problem[0].a, "1");
	assert_string_equal(s.r.problem[0].b, "2");
	assert_string_equal(s.r.problem[3].a, "sato");
	assert_string_equal(s.r.problem[3].b, "2");
	assert_int_equal(s.r.problem[3].line, 4);
	end(&s);
	/* Somebody who left gave the login to somebody who came. */
	is_good(
	    &s,
	    "employee_number,login,name,department,status\n1,sato,A,D,retired\n2,sato,B,D,active\n",
	    2);
	end(&s);
}

static void test_every_bad_row_is_reported_in_the_order_of_the_file(void **state)
{
	static const char text[] =
	    HEAD "1,sato,Sato,D\n-,suzuki,S,D\n1,tanaka,T,D\n4,,T\n5,/,T,\n1,a b,T,D\n";
	static const uint32_t lines[] = { 3, 4, 5, 6, 6, 7, 7 };
	struct scene s;

	(void)state;
	assert_int_equal(read_bytes(&s, text, sizeof(text) - 1, 0), KM_EINVAL);
	assert_int_equal(s.r.problems, 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(s.r.problem[i].line, lines[i]);
	assert_int_equal(s.count, 0);
	end(&s);
}

static void test_faults_beyond_the_limit_are_counted(void **state)
{
	size_t len, rows = ROSTER_PROBLEMS_MAX + 7;
	char *text = malloc(rows * 24 + sizeof(HEAD));
	struct scene s;

	(void)state;
	assert_non_null(text);
	len = (size_t)sprintf(text, HEAD);
	for (size_t i = 0; i < rows; i++)
		len += (size_t)sprintf(text + len, "?,x%zu,X,D\n", i);
	assert_int_equal(read_bytes(&s, text, len, 0), KM_EINVAL);
	assert_int_equal(s.r.problems, ROSTER_PROBLEMS_MAX);
	assert_int_equal(s.r.problems_more, 7);
	end(&s);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_with_every_column_is_read_as_it_stands),
		cmocka_unit_test(test_what_a_short_roster_does_not_say_is_left_open),
		cmocka_unit_test(test_columns_are_found_by_their_japanese_headers_in_any_order),
		cmocka_unit_test(test_columns_are_found_by_what_the_site_calls_them),
		cmocka_unit_test(test_lines_may_end_as_windows_ends_them_and_be_blank),
		cmocka_unit_test(test_a_roster_in_cp932_is_read_as_the_same_in_utf8),
		cmocka_unit_test(test_characters_across_the_borders_of_pieces_are_whole),
		cmocka_unit_test(test_an_empty_file_and_a_header_alone_are_refused),
		cmocka_unit_test(
		    test_a_file_that_was_cut_anywhere_is_refused_or_shorter_by_whole_rows),
		cmocka_unit_test(test_a_last_line_that_says_the_number_of_rows_is_held_to_it),
		cmocka_unit_test(test_a_row_with_too_few_or_too_many_columns_is_refused),
		cmocka_unit_test(test_a_quotation_mark_in_the_wrong_place_ends_the_reading),
		cmocka_unit_test(test_headers_that_are_missing_or_there_twice_are_named),
		cmocka_unit_test(test_the_limits_of_rows_columns_and_fields_are_kept),
		cmocka_unit_test(test_what_is_no_regular_file_or_too_large_is_refused),
		cmocka_unit_test(test_a_file_that_grows_while_it_is_read_is_left_for_later),
		cmocka_unit_test(test_a_byte_that_is_no_text_is_named_by_line_and_byte),
		cmocka_unit_test(test_a_damaged_utf8_file_is_not_taken_for_cp932),
		cmocka_unit_test(test_c10_no_field_takes_what_hides_moves_or_ends_a_line),
		cmocka_unit_test(test_c10_identifiers_take_no_formula_no_path_and_no_option),
		cmocka_unit_test(test_names_an_account_can_have_are_taken),
		cmocka_unit_test(test_c10_a_name_that_is_a_formula_or_a_path_is_a_name),
		cmocka_unit_test(test_each_column_refuses_what_it_cannot_mean),
		cmocka_unit_test(test_telephone_numbers_are_read_however_they_are_grouped),
		cmocka_unit_test(
		    test_numbers_and_logins_that_stand_twice_are_named_with_both_lines),
		cmocka_unit_test(test_every_bad_row_is_reported_in_the_order_of_the_file),
		cmocka_unit_test(test_faults_beyond_the_limit_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
