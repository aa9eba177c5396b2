/* The clocks, and civil days. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>

#include "zone.h"

#define BOOT_ID_PATH   "/proc/sys/kernel/random/boot_id"
#define LOCALTIME_PATH "/etc/localtime"
#define BOOT_ID_TEXT   36 /* 8-4-4-4-12 hexadecimal digits */
#define YEAR_FIRST     1970
#define YEAR_LAST      9999

static int64_t milliseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

int64_t km_boot_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &t);
	return milliseconds(&t);
}

/* --- which boot ---------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_boot_id(const char *text, uint8_t id[16])
{
	size_t n = 0;

	for (size_t i = 0; i < BOOT_ID_TEXT; i++) {
		if (text[i] == '-')
			continue;
		if (n == 32 || hex(text[i]) < 0)
			return false;
		id[n / 2] = (uint8_t)(id[n / 2] << 4 | hex(text[i]));
		n++;
	}
	return n == 32;
}

static km_rc read_boot_id(uint8_t id[16])
{
	char text[BOOT_ID_TEXT + 1] = { 0 };
	int fd = open(BOOT_ID_PATH, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return KM_EIO;
	n = TEMP_FAILURE_RETRY(read(fd, text, BOOT_ID_TEXT));
	close(fd);
	return n == BOOT_ID_TEXT && parse_boot_id(text, id) ? KM_OK : KM_EIO;
}

static km_rc boot_id(uint8_t id[16])
{
	static uint8_t known[16];
	static bool is_known;

	if (!is_known) {
		uint8_t fresh[16] = { 0 };
		km_rc rc = read_boot_id(fresh);

		if (rc != KM_OK)
			return rc;
		memcpy(known, fresh, sizeof(known));
		is_known = true;
	}
	memcpy(id, known, sizeof(known));
	return KM_OK;
}

/* --- civil days ---------------------------------------------------------- */

static bool leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in(int64_t year, int64_t month)
{
	static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
}

/*
 * Days from 1970-01-01 in the proleptic Gregorian calendar. The year is
 * counted from March, so that the leap day is its last and months before it
 * follow one rule.
 */
static int64_t day_of(int64_t year, int64_t month, int64_t mday)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * m + 2) / 5 + mday - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* n decimal digits, or -1. */
static int64_t digits(const char *text, size_t n)
{
	int64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

km_rc km_day_parse(const char *text, int64_t *day)
{
	int64_t year, month, mday;

	if (!text || strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return KM_EINVAL;
	year = digits(text, 4);
	month = digits(text + 5, 2);
	mday = digits(text + 8, 2);
	/* The day before 1970-01-01 is KM_DAY_NONE. */
	if (year < YEAR_FIRST || month < 1 || month > 12 || mday < 1 || mday > days_in(year, month))
		return KM_EINVAL;
	*day = day_of(year, month, mday);
	return KM_OK;
}

void km_day_format(int64_t day, char out[16])
{
	int64_t year, month = 1;

	out[0] = '\0';
	if (day < 0 || day > day_of(YEAR_LAST, 12, 31))
		return;
	year = YEAR_FIRST + day / 366; /* never too late, at most a few years too early */
	while (day >= day_of(year + 1, 1, 1))
		year++;
	day -= day_of(year, 1, 1);
	while (day >= days_in(year, month))
		day -= days_in(year, month++);
	/* The remainders change nothing; they show the compiler that it fits. */
	snprintf(out, 16, "%04u-%02u-%02u", (unsigned)(year % 10000), (unsigned)(month % 100),
		 (unsigned)((day + 1) % 100));
}

/* --- now ----------------------------------------------------------------- */

/* glibc would make UTC of a file that it may not read, and say nothing. */
static bool kept_from(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool kept = fd < 0 && (errno == EACCES || errno == EPERM);

	if (fd >= 0)
		close(fd);
	return kept;
}

km_rc km_clock_zone(const char *zone)
{
	char tz[80];

	if (!zone || !*zone) {
		if (kept_from(LOCALTIME_PATH))
			return KM_EPERM;
		unsetenv("TZ");
		tzset();
		return KM_OK;
	}
	if (!km_zone_known(zone))
		return KM_EINVAL;
	snprintf(tz, sizeof(tz), ":%s", zone);
	if (setenv("TZ", tz, 1) < 0)
		return KM_ENOMEM;
	tzset();
	return KM_OK;
}

/* 0 also where we may not ask: an unknown clock is not a set one. */
static int synchronised(void)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);

	return state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
}

km_rc km_day_at(int64_t wall, int64_t *day)
{
	time_t seconds = wall;
	struct tm civil;

	if (!localtime_r(&seconds, &civil))
		return KM_EINVAL;
	*day = day_of((int64_t)civil.tm_year + 1900, civil.tm_mon + 1, civil.tm_mday);
	return KM_OK;
}

km_rc km_clock_read(struct km_now *now)
{
	struct km_now n = { 0 };
	struct timespec wall, boot;
	km_rc rc = boot_id(n.boot_id);

	if (rc != KM_OK)
		return rc;
	/* A clock that says nothing is no clock that jumped: nobody is to be asked about it. */
	if (clock_gettime(CLOCK_REALTIME, &wall) < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0 ||
	    km_day_at(wall.tv_sec, &n.today) != KM_OK)
		return KM_EIO;
	n.wall = wall.tv_sec;
	n.boot_ms = milliseconds(&boot);
	n.synchronised = synchronised();
	*now = n;
	return KM_OK;
}
