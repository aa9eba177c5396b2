/*
 * C10, C15: a roster, and the days in it. What is read is plain, fits the vault's fields, and reads
 * the same the second time; what is not names a fault or a reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "../../enroll/day_era.h"
#include "../../enroll/roster_csv.h"
#include "fuzz.h"

enum act { ROSTER_FILE, DAY, ACTS };

#define HEAD "employee_number,login,name,department\n"
#define FULL                                                                                       \
	"employee_number,login,name,department,role,valid_from,valid_until,status,mobile,"         \
	"landline\n"

#define SEED_OF(name, act, text)                                                                   \
	{                                                                                          \
		(name), (const uint8_t *)act text, sizeof(act text) - 1                            \
	}
const struct fuzz_seed fuzz_seeds[] = {
	SEED_OF("short", "\0", HEAD "1,sato,Sato,D\n2,suzuki,\"Su\"\"zu\",D\n"),
	SEED_OF("full", "\0",
		FULL "1,sato,佐藤,D,registrar,2026-04-01,令和9年3月31日,active,090-1,+81 3 1\n"),
	SEED_OF("japanese", "\0",
		"職員番号,ログイン名,氏名,所属,状態\r\n1,a,A,D,転出\r\n#件数,1\r\n"),
	SEED_OF("cp932", "\0", HEAD "1,sato,\x8d\xb2\x93\xa1,\x90\xc5\x96\xb1\x89\xdb\n"),
	SEED_OF("mark", "\0", "\xef\xbb\xbf" HEAD "1,sato,Sato,D\n"),
	SEED_OF("cut", "\0", HEAD "1,sato,\"Sato"),
	SEED_OF("hostile", "\0", HEAD "=1,../x,a\x1b[2J,a\xe2\x80\xae\n"),
	SEED_OF("twice", "\0", HEAD "1,sato,Sato,D\n1,sato,Sato,D\n"),
	SEED_OF("iso", "\1", "2026-04-01"),
	SEED_OF("era", "\1", "令和８年４月１日"),
	SEED_OF("first-year", "\1", "H元.1.8"),
	SEED_OF("compact", "\1", "20260401"),
	{ .name = NULL },
};
const char *const fuzz_words[] = { HEAD,       FULL,   "#rows,", "令和", "平成",
				   "元年",     "年",   "\",\"",  "\r\n", "\xef\xbb\xbf",
				   "\x8d\xb2", "転出", NULL };

static struct km_conf conf;

void fuzz_begin(void)
{
	km_conf_defaults(&conf);
}

static void is_field(const char *text, size_t most, bool required)
{
	size_t len = strlen(text);

	fuzz_check(len <= most && (len || !required), "a field of %zu bytes", len);
	fuzz_check(km_text_is_plain(text, len), "a field that is not plain");
}

static void is_phone(const char *text)
{
	size_t plus = text[0] == '+';

	fuzz_check(strspn(text + plus, "0123456789") == strlen(text + plus) && (!plus || text[1]) &&
		       strlen(text) <= 32,
		   "a telephone number");
}

struct sum {
	uint32_t rows, line;
	uint64_t all;
};

static km_rc take(void *arg, const struct roster_row *row)
{
	struct sum *s = arg;
	enum km_role role;

	fuzz_check(row->line > s->line, "lines do not grow");
	is_field(row->employee_number, 64, true);
	is_field(row->login, 64, true);
	is_field(row->name, 256, true);
	is_field(row->department, 128, true);
	is_phone(row->mobile);
	is_phone(row->landline);
	fuzz_check(!strpbrk(row->login, "/=+ \"'\\") && row->login[0] != '-', "a login");
	fuzz_check(!strpbrk(row->employee_number, "/=+ \"'\\@"), "a number");
	fuzz_check(!row->role[0] || km_role_parse(row->role, &role), "a role");
	fuzz_check(row->status <= KM_ROSTER_RETIRED, "a status");
	fuzz_check(row->valid_from == KM_DAY_NONE || row->valid_until == KM_DAY_NONE ||
		       row->valid_from <= row->valid_until,
		   "days in disorder");
	s->line = row->line;
	s->rows++;
	s->all = s->all * 31 + (uint64_t)row->valid_until + strlen(row->name) + row->status;
	return KM_OK;
}

static void says_why(const struct desk *d, const struct roster *r, km_rc rc)
{
	char text[DESK_WHY];

	fuzz_check(rc == KM_EINVAL, "rc %d", rc);
	fuzz_check(r->problems || d->why[0], "no reason");
	fuzz_check(km_text_is_plain(d->why, strlen(d->why)), "a reason that is not plain");
	for (size_t i = 0; i < r->problems; i++) {
		const struct roster_problem *p = &r->problem[i];

		desk_expand((enum desk_text)p->text, KM_LANG_JA, p->a, p->b, text, sizeof(text));
		fuzz_check(text[0] && km_text_is_plain(text, strlen(text)), "a fault's text");
		fuzz_check(i == 0 || r->problem[i - 1].line <= p->line, "faults in disorder");
	}
}

static void roster(const uint8_t *bytes, size_t len)
{
	struct sum first = { 0 }, second = { 0 };
	int fd = memfd_create("roster", MFD_CLOEXEC);
	struct roster r ROSTER;
	struct desk d;
	km_rc rc;

	desk_init(&d);
	d.lang = KM_LANG_EN;
	fuzz_check(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0,
		   "no file");
	rc = feedfile_read(&d, fd, &conf, 0, &r);
	close(fd);
	if (rc != KM_OK) {
		says_why(&d, &r, rc);
		return;
	}
	fuzz_check(feedfile_each(&r, take, &first) == KM_OK, "not the second time");
	fuzz_check(feedfile_each(&r, take, &second) == KM_OK && first.all == second.all,
		   "otherwise the third time");
	fuzz_check(first.rows == r.rows && r.rows > 0, "%u rows of %u", first.rows, r.rows);
}

/* What is read is a day of the calendar, and says the same when it is written as ISO. */
static void day(const char *text)
{
	int64_t day = -77, again = 0;
	enum day_fault fault = day_era_parse(text, &day);
	char iso[16];

	if (fault != DAY_GOOD) {
		fuzz_check(day == -77, "a fault left a day");
		return;
	}
	km_day_format(day, iso);
	fuzz_check(iso[0] && day_era_parse(iso, &again) == DAY_GOOD && day == again,
		   "%s reads as something else", iso);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	enum act what = fuzz_u8(&in) % ACTS;
	char *text;

	if (what == ROSTER_FILE) {
		roster(in.at, in.left);
		return 0;
	}
	text = malloc(in.left + 1);
	fuzz_check(text, "no memory");
	memcpy(text, in.at, in.left);
	text[in.left] = '\0';
	day(text);
	free(text);
	return 0;
}
