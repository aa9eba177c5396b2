/*
 * Patterns that answers of gateways are held against. The site writes them, a stranger what they
 * are tried on: what makes regexec(3) slow beyond measure is refused.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/sms.h>

#define REPEATS 255 /* by {n,m}, all of them multiplied */

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

/*
 * regcomp(3) copies what is repeated by {n,m}, and once for each '+': what is repeated again and
 * again doubles each time.
 */
static bool size_fits(const char *pattern, struct km_why *why)
{
	unsigned long product = 1;
	char before = '\0';

	for (const char *p = pattern; *p;) {
		const bool again = strchr("*+?{", *p) != NULL;

		if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
			return KM_WHY(why, PATTERN_GROUPS);
		if (again && strchr("*+?{", before) && before)
			return KM_WHY(why, PATTERN_REPEAT);
		if (*p == '{')
			product *= repeats(p) <= REPEATS ? repeats(p) : REPEATS + 1;
		else if (*p == '+' && before == ')')
			product *= 2;
		if (product > REPEATS)
			return KM_WHY(why, PATTERN_MUCH);
		before = *p == '\\' || *p == '[' ? 'x' : *p;
		if (*p == '{')
			p += strcspn(p, "}");
		p = *p == '[' ? behind_bracket(p) : p + (*p != '\0') + (*p == '\\' && p[1]);
	}
	return true;
}

bool km_sms_pattern_fits(const char *pattern, struct km_why *why)
{
	char reason[128];
	regex_t re;
	int bad;

	if (!size_fits(pattern, why))
		return false;
	bad = regcomp(&re, pattern, REG_EXTENDED);
	if (bad == 0) {
		regfree(&re);
		return true;
	}
	(void)regerror(bad, NULL, reason, sizeof(reason));
	return KM_WHY(why, PATTERN_FORM, reason);
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
