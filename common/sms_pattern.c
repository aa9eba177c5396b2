/*
 * Patterns that answers of gateways are held against. The site writes them, a stranger what they
 * are tried on: what makes regexec(3) slow beyond measure is refused.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/sms.h>

#define REPEATS 1000 /* how often something is repeated by {n,m} at most, all of them multiplied   \
		      */

/* The end of "[…]", at whose '[' it begins. */
static const char *behind_bracket(const char *p)
{
	p += 1 + (p[1] == '^');
	for (p += *p == ']'; *p && *p != ']'; p++)
		if (*p == '[' && p[1] && strchr(":.=", p[1])) {
			const char kind[] = { p[1], ']', '\0' };
			const char *end = strstr(p + 2, kind);

			if (!end)
				return p + strlen(p);
			p = end + 1;
		}
	return *p ? p + 1 : p;
}

/* The larger number of "{n,m}"; 1 where it is none. */
static unsigned long repeats(const char *p)
{
	char *end;
	unsigned long n = strtoul(p + 1, &end, 10), m = n;

	if (*end == ',')
		m = strtoul(end + 1, NULL, 10);
	return m > n ? m : n ? n : 1;
}

bool km_sms_pattern_fits(const char *pattern, char why[KM_SMS_WHY])
{
	unsigned long product = 1;
	regex_t re;
	int bad;

	for (const char *p = pattern; *p;) {
		if (*p == '\\' && p[1] >= '1' && p[1] <= '9') {
			snprintf(why, KM_SMS_WHY, "\\%c: a pattern cannot refer to its groups",
				 p[1]);
			return false;
		}
		if (*p == '{') {
			unsigned long n = repeats(p);

			product = n > REPEATS ? REPEATS + 1 : product * n;
		}
		if (product > REPEATS) {
			snprintf(why, KM_SMS_WHY, "repeats something more than %d times", REPEATS);
			return false;
		}
		p = *p == '[' ? behind_bracket(p) : p + 1 + (*p == '\\' && p[1]);
	}
	bad = regcomp(&re, pattern, REG_EXTENDED);
	if (bad == 0) {
		regfree(&re);
		return true;
	}
	snprintf(why, KM_SMS_WHY, "is no extended regular expression: ");
	(void)regerror(bad, NULL, why + strlen(why), KM_SMS_WHY - strlen(why));
	return false;
}

bool km_sms_id_fits(const char *id, size_t len)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "._:@=+-";
	bool dots = true;

	if (len == 0 || len > KM_SMS_ID)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!id[i] || !strchr(fine, id[i]))
			return false;
		dots = dots && id[i] == '.';
	}
	return !dots;
}
