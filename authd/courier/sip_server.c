/* The address of the SIP server as the configuration writes it. */
#include <stdlib.h>
#include <string.h>

#include "sip_stack.h"

#define PORT_DIGITS 5

static bool take_port(const char *text, uint16_t *port)
{
	size_t len = strspn(text, "0123456789");
	unsigned long n =
	    len > 0 && len <= PORT_DIGITS && text[len] == '\0' ? strtoul(text, NULL, 10) : 0;

	if (n < 1 || n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	return true;
}

static bool is_name(const char *host)
{
	static const char may[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	return *host != '\0' && *host != '.' && *host != '-' && host[strspn(host, may)] == '\0';
}

km_rc voice_server_parse(const char *text, uint16_t port, struct voice_server *s)
{
	struct voice_server got = { .port = port };
	const bool bracket = *text == '[';
	const char *host = text + bracket, *end = strchr(host, bracket ? ']' : ':');
	size_t len = end ? (size_t)(end - host) : strlen(host);
	struct sa address;

	if ((bracket && !end) || len >= sizeof(got.host))
		return KM_EINVAL;
	memcpy(got.host, host, len);
	if (bracket)
		end++;
	if (end && *end != '\0' && (*end != ':' || !take_port(end + 1, &got.port)))
		return KM_EINVAL;
	got.literal = strspn(got.host, "0123456789.:abcdefABCDEF") == len &&
		      sa_set_str(&address, got.host, got.port) == 0;
	if (got.literal ? (sa_af(&address) == AF_INET6) != bracket : bracket || !is_name(got.host))
		return KM_EINVAL;
	*s = got;
	return KM_OK;
}
