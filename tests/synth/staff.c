#include <iconv.h>
#include <inttypes.h>
#include <string.h>

#include "staff.h"

#define LINE 512

static const char *const surnames[] = { "佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺",   "山本",
					"中村", "小林", "加藤", "吉田", "山田", "佐々木", "山口",
					"松本", "井上", "木村", "林",   "斎藤", "清水",   "髙𠮷" };
static const char *const given[] = { "花子", "太郎", "一郎", "美咲", "健太",   "さくら", "大輔",
				     "陽子", "翔",   "恵",   "直樹", "あゆみ", "誠" };
static const char *const departments[] = {
	"総務課",       "財政課",     "税務課",         "市民課",     "保険年金課", "福祉課",
	"子育て支援課", "健康推進課", "環境課",         "土木課",     "都市計画課", "学校教育課",
	"生涯学習課",   "会計課",     "監査委員事務局", "議会事務局",
};

#define COUNT(list) (sizeof(list) / sizeof(list[0]))
#define RARE        (COUNT(surnames) - 1) /* has a character that CP932 has not */

/* The low bits of a product with an odd constant repeat; the high ones are stirred. */
static uint32_t stir(uint32_t n)
{
	n = (n ^ 61) * 2654435761u;
	return (n ^ n >> 15) * 2246822519u >> 7;
}

static bool put(FILE *f, iconv_t to, char *line)
{
	char out[LINE], *in = line, *at = out;
	size_t left = strlen(line), room = sizeof(out);

	if (to == (iconv_t)-1)
		return fputs(line, f) >= 0;
	if (iconv(to, &in, &left, &at, &room) == (size_t)-1)
		return false;
	return fwrite(out, 1, sizeof(out) - room, f) == sizeof(out) - room;
}

const char *staff_login(uint32_t person, char out[16])
{
	snprintf(out, 16, "s%" PRIu32, 100000 + person);
	return out;
}

static bool is_each(uint32_t person, uint32_t every)
{
	return every && person % every == every - 1;
}

void staff_member(const struct staff_order *o, uint32_t person, struct staff_member *out)
{
	uint32_t mix = stir(person);
	size_t surname = mix % COUNT(surnames);
	size_t department = mix / 512 % COUNT(departments);

	if (o->cp932 && surname == RARE)
		surname = 0;
	if (is_each(person, o->moved))
		department = (department + 1) % COUNT(departments);
	out->number = 500000 + person;
	staff_login(person, out->login);
	snprintf(out->name, sizeof(out->name), "%s　%s", surnames[surname],
		 given[mix / 32 % COUNT(given)]);
	snprintf(out->phone, sizeof(out->phone), "090-%04u-%04u", mix % 10000, person % 10000);
	out->department = departments[department];
}

static void make_row(const struct staff_order *o, uint32_t person, char line[LINE])
{
	bool gone = is_each(person, o->transferred);
	struct staff_member m;

	staff_member(o, person, &m);
	if (o->short_form) {
		snprintf(line, LINE, "%" PRIu32 ",%s,%s,%s\r\n", m.number, m.login, m.name,
			 m.department);
		return;
	}
	snprintf(line, LINE, "%" PRIu32 ",%s,\"%s\",%s,operator,%s,%s,%s,%s,\r\n", m.number,
		 m.login, m.name, m.department, o->english ? "2024-04-01" : "令和6年4月1日",
		 gone && o->day ? o->day : "",
		 gone ? (o->english ? "transferred" : "転出") : (o->english ? "active" : "在職"),
		 m.phone);
}

static const char *header(const struct staff_order *o)
{
	if (o->short_form)
		return o->english ? "employee_number,login,name,department\r\n"
				  : "職員番号,ログイン名,氏名,所属\r\n";
	return o->english ? "employee_number,login,name,department,role,valid_from,valid_until,"
			    "status,mobile,landline\r\n"
			  : "職員番号,ログイン名,氏名,所属,役割,有効開始日,有効終了日,状態,"
			    "携帯電話,固定電話\r\n";
}

bool staff_write(FILE *f, const struct staff_order *o)
{
	iconv_t to = o->cp932 ? iconv_open("CP932", "UTF-8") : (iconv_t)-1;
	uint32_t rows = 0;
	char line[LINE];
	bool good = !o->cp932 || to != (iconv_t)-1;

	snprintf(line, sizeof(line), "%s", header(o));
	good = good && put(f, to, line);
	for (uint32_t i = o->first; good && i < o->first + o->count; i++) {
		if (is_each(i, o->without))
			continue;
		make_row(o, i, line);
		good = put(f, to, line);
		rows++;
	}
	snprintf(line, sizeof(line), "#rows,%" PRIu32 "\r\n", rows);
	if (good && o->trailer)
		good = put(f, to, line);
	if (to != (iconv_t)-1)
		iconv_close(to);
	return good && fflush(f) == 0;
}
