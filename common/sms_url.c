/*
 * Addresses of gateways. Only what every parser of addresses understands alike is taken, so that
 * ours and libcurl's see the same host.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/sms.h>

#define HTTPS "https://"
#define HTTP  "http://"

#define LABEL "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
#define AFTER LABEL "._~%!$&'()*+,;=:@/?"

struct address {
	bool tls;
	char host[256];
	unsigned port;
	const char *rest; /* what stands behind host and port */
};

/* A port of digits; behind it *at. */
static bool read_port(const char **at, unsigned *port)
{
	size_t n = strspn(*at, "0123456789");

	*port = 0;
	for (size_t i = 0; i < n && n <= 5; i++)
		*port = *port * 10 + (unsigned)((*at)[i] - '0');
	*at += n;
	return n > 0 && n <= 5 && *port > 0 && *port <= 65535;
}

/* Four decimal numbers, or a name that is none, so that "127.1" and "0x7f.1" are nothing. */
static bool is_name(const char *host)
{
	const char *last = strrchr(host, '.');
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return true;
	last = last ? last + 1 : host;
	return host[0] != '.' && host[0] != '-' && !strstr(host, "..") && *last &&
	       strspn(last, "0123456789") == 0;
}

static bool read_host(const char **at, char host[256])
{
	bool six = **at == '[';
	size_t n;
	struct in6_addr bytes;

	*at += six;
	n = strspn(*at, six ? "0123456789abcdefABCDEF:." : LABEL ".");
	if (n == 0 || n >= 254)
		return false;
	memcpy(host, *at, n);
	host[n] = '\0';
	*at += n;
	if (!six)
		return is_name(host);
	return *(*at)++ == ']' && inet_pton(AF_INET6, host, &bytes) == 1;
}

static bool read_address(const char *url, struct address *a)
{
	a->tls = strncmp(url, HTTPS, strlen(HTTPS)) == 0;
	if (!a->tls && strncmp(url, HTTP, strlen(HTTP)) != 0)
		return false;
	url += a->tls ? strlen(HTTPS) : strlen(HTTP);
	if (!read_host(&url, a->host))
		return false;
	a->port = a->tls ? 443 : 80;
	if (*url == ':') {
		url++;
		if (!read_port(&url, &a->port))
			return false;
	}
	a->rest = url;
	return *url == '\0' || *url == '/';
}

bool km_sms_host_is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (strcmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool says(char why[KM_SMS_WHY], const char *what)
{
	snprintf(why, KM_SMS_WHY, "%s", what);
	return false;
}

/* Behind the host: '%' with two hexadecimal digits, and what needs no escape. */
static bool literal_fits(const char *p, size_t len, char why[KM_SMS_WHY])
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr(AFTER, p[i])) {
			snprintf(why, KM_SMS_WHY, "has a '%c' in it: %%%02X is meant, or nothing",
				 p[i], (unsigned char)p[i]);
			return false;
		}
		if (p[i] == '%' && (len - i < 3 || strspn(p + i + 1, "0123456789abcdefABCDEF") < 2))
			return says(why, "has a '%' that two hexadecimal digits must follow");
	}
	return true;
}

bool km_sms_url_fits(const struct km_sms_template *url, char why[KM_SMS_WHY])
{
	struct address a;
	size_t from;

	if (!read_address(url->text, &a))
		return says(why, "must be https://HOST/…, with a name or an address as HOST, and "
				 "no NAME:PASSWORD@ before it");
	if (!a.tls && !km_sms_host_is_loopback(a.host))
		return says(why, "http:// would send codes in the clear: https://, or a host of "
				 "this machine (localhost, 127.0.0.1, [::1])");
	from = (size_t)(a.rest - url->text);
	for (unsigned i = 0; i < url->count; i++) {
		const struct km_sms_part *p = &url->part[i];
		size_t begin = p->at > from ? p->at : from, end = (size_t)p->at + p->len;

		if (p->value == KM_SMS_LITERAL && end > begin &&
		    !literal_fits(url->text + begin, end - begin, why))
			return false;
	}
	return true;
}

km_rc km_sms_url_host(const char *url, char host[256], unsigned *port)
{
	struct address a;

	if (!read_address(url, &a))
		return KM_EINVAL;
	memcpy(host, a.host, sizeof(a.host));
	*port = a.port;
	return KM_OK;
}
