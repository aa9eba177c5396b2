/*
 * Days by the Western calendar and by Japanese eras. The text is first folded
 * to a few ASCII characters, so that width and script play no part after it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/clock.h>

#include "day_era.h"

#define FOLDED 32 /* longer than any date; what is longer is none */

#define YEAR_MARK  'y' /* 年 */
#define MONTH_MARK 'm' /* 月 */
#define DAY_MARK   'd' /* 日 */
#define FIRST_YEAR 'f' /* 元 */

/* Eras that have days since 1970, by Cabinet Orders No. 1 of 1989 and No. 143 of 2019. */
static const struct era {
	char letter;
	int before; /* the year before its first */
	const char *first, *last;
} eras[] = {
	{ 'S', 1925, "1926-12-25", "1989-01-07" }, /* 昭和 */
	{ 'H', 1988, "1989-01-08", "2019-04-30" }, /* 平成 */
	{ 'R', 2018, "2019-05-01", "9999-12-31" }, /* 令和 */
};

static const struct {
	const char *text;
	char folded;
} signs[] = {
	{ "昭和", 'S' },      { "㍼", 'S' },           { "平成", 'H' },      { "㍻", 'H' },
	{ "令和", 'R' },      { "㋿", 'R' },          { "s", 'S' },         { "h", 'H' },
	{ "r", 'R' },         { "年", YEAR_MARK },     { "月", MONTH_MARK }, { "日", DAY_MARK },
	{ "元", FIRST_YEAR }, { "\xe3\x80\x80", ' ' },
};

/* U+FF01 to U+FF5E are the printable characters of ASCII, wide. 0: this is none. */
static char narrow(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (p[0] != 0xef || (p[1] != 0xbc && p[1] != 0xbd))
		return 0;
	if (p[1] == 0xbc && p[2] >= 0x81 && p[2] <= 0xbf)
		return (char)(p[2] - 0x81 + 0x21);
	if (p[1] == 0xbd && p[2] >= 0x80 && p[2] <= 0x9e)
		return (char)(p[2] - 0x80 + 0x60);
	return 0;
}

static size_t fold_one(const char *text, char *out)
{
	char ascii[2] = { narrow(text), 0 };
	const char *sign = ascii[0] ? ascii : text;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t len = strlen(signs[i].text);

		if (strncmp(sign, signs[i].text, len) == 0) {
			*out = signs[i].folded;
			return ascii[0] ? 3 : len;
		}
	}
	*out = *sign;
	/* Letters of ours that were typed as such are no marks. */
	if (*sign != ' ' && !strchr("0123456789-/.SHR", *sign))
		*out = '?';
	return ascii[0] ? 3 : 1;
}

/* Without blanks, but for "1 2", where one stands between digits: false. */
static bool fold(const char *text, char out[FOLDED])
{
	size_t len = 0;
	bool blank = false;

	while (*text) {
		char c;

		text += fold_one(text, &c);
		if (c == '?' || len + 1 >= FOLDED)
			return false;
		if (c == ' ') {
			blank = true;
			continue;
		}
		if (blank && len && c >= '0' && c <= '9' && out[len - 1] >= '0' &&
		    out[len - 1] <= '9')
			return false;
		blank = false;
		out[len++] = c;
	}
	out[len] = '\0';
	return len > 0;
}

/* least to most digits; false when there are others. */
static bool take_number(const char **at, unsigned least, unsigned most, int *out)
{
	unsigned n = 0;

	for (*out = 0; (*at)[0] >= '0' && (*at)[0] <= '9'; (*at)++, n++) {
		if (n == most)
			return false;
		*out = *out * 10 + ((*at)[0] - '0');
	}
	return n >= least;
}

/* The sign behind the year decides those behind month and day. */
static bool take_rest(const char **at, int *month, int *mday)
{
	char sign = **at, second = sign == YEAR_MARK ? MONTH_MARK : sign;

	if (sign == '\0' || !strchr("-/.y", sign))
		return false;
	(*at)++;
	if (!take_number(at, 1, 2, month) || **at != second)
		return false;
	(*at)++;
	if (!take_number(at, 1, 2, mday))
		return false;
	if (sign == YEAR_MARK && **at == DAY_MARK)
		(*at)++;
	else if (sign == YEAR_MARK)
		return false;
	return **at == '\0';
}

static bool take_compact(const char *at, int *year, int *month, int *mday)
{
	int number;

	if (!take_number(&at, 8, 8, &number) || *at)
		return false;
	*year = number / 10000;
	*month = number / 100 % 100;
	*mday = number % 100;
	return true;
}

static bool take_western(const char *at, int *year, int *month, int *mday)
{
	const char *start = at;

	if (take_compact(start, year, month, mday))
		return true;
	return take_number(&at, 4, 4, year) && take_rest(&at, month, mday);
}

static bool take_era(const char *at, int *year, int *month, int *mday)
{
	if (*at == FIRST_YEAR) {
		*year = 1;
		at++;
	} else if (!take_number(&at, 1, 2, year) || *year == 0)
		return false;
	return take_rest(&at, month, mday);
}

static const struct era *era_of(char letter)
{
	for (size_t i = 0; i < sizeof(eras) / sizeof(eras[0]); i++)
		if (eras[i].letter == letter)
			return &eras[i];
	return NULL;
}

enum day_fault day_era_parse(const char *text, int64_t *day)
{
	char folded[FOLDED], iso[48];
	const struct era *era;
	int year, month, mday;
	int64_t found;

	if (!fold(text, folded))
		return DAY_UNREADABLE;
	era = era_of(folded[0]);
	if (era ? !take_era(folded + 1, &year, &month, &mday)
		: !take_western(folded, &year, &month, &mday))
		return DAY_UNREADABLE;
	snprintf(iso, sizeof(iso), "%04d-%02d-%02d", era ? era->before + year : year, month, mday);
	if (km_day_parse(iso, &found) != KM_OK)
		return DAY_NO_SUCH;
	/* Days of four, two and two digits sort as their letters do. */
	if (era && (strcmp(iso, era->first) < 0 || strcmp(iso, era->last) > 0))
		return DAY_OUTSIDE_ERA;
	*day = found;
	return DAY_GOOD;
}
