/*
 * glibc takes any TZ and makes UTC of what it does not know: a misspelt zone
 * would shift every date in silence. So names are looked up first.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "zone.h"

#define ZONES          "/usr/share/zoneinfo/"
#define NAME_MAX_BYTES 63 /* the longest Olson name has 32 */

bool km_zone_known(const char *name)
{
	char path[sizeof(ZONES) + NAME_MAX_BYTES];
	size_t len = strlen(name);
	struct stat st;

	/* No path but one below ZONES, and nothing that TZ would read as a rule. */
	if (len == 0 || len > NAME_MAX_BYTES || name[0] < 'A' || name[0] > 'Z' ||
	    strstr(name, "..") ||
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/+-") !=
		len)
		return false;
	snprintf(path, sizeof(path), ZONES "%s", name);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}
