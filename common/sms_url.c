/*
 * Addresses of gateways. Only what every parser of addresses understands alike is taken, so that
 * ours and libcurl's see the same host.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/sms.h>

#define HTTPS  "https://"
#define HTTP   "http://"
#define DIGITS "0123456789"

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
	size_t n = strspn(*at, DIGITS);

	*port = 0;
	for (size_t i = 0; i < n && n <= 5; i++)
		*port = *port * 10 + (unsigned)((*at)[i] - '0');
	*at += n;
	return n > 0 && n <= 5 && *port > 0 && *port <= 65535;
}

/* One to longest of these digits; behind them *at. */
static bool read_number(const char **at, const char *digits, size_t longest)
{
	size_t n = strspn(*at, digits);

	*at += n;
	return n > 0 && n <= longest;
}

/* Four decimal numbers with dots between them; first: the first. */
static bool is_four(const char *host, unsigned *first)
{
	for (unsigned i = 0; i < 4; i++) {
		const char *from;
		unsigned n = 0;

		if (i > 0 && *host++ != '.')
			return false;
		from = host;
		if (!read_number(&host, DIGITS, 3))
			return false;
		for (const char *p = from; p < host; p++)
			n = n * 10 + (unsigned)(*p - '0');
		if (n > 255 || (host - from > 1 && *from == '0'))
			return false;
		if (i == 0)
			*first = n;
	}
	return *host == '\0';
}

/* Eight groups, or fewer with one "::" among them (RFC 4291); without an IPv4 address at its end.
 */
static bool is_six(const char *host)
{
	unsigned groups = 0;
	bool gap = strncmp(host, "::", 2) == 0;

	host += gap ? 2 : 0;
	while (*host) {
		if (!read_number(&host, DIGITS "abcdefABCDEF", 4))
			return false;
		groups++;
		if (*host == '\0')
			break;
		if (*host++ != ':')
			return false;
		if (*host == ':' && gap)
			return false;
		if (*host == ':') {
			gap = true;
			host++;
		} else if (*host == '\0') {
			return false;
		}
	}
	return gap ? groups < 8 : groups == 8;
}

/* So that "127.1" and "0x7f.1" are nothing. */
static bool is_name(const char *host)
{
	const char *last = strrchr(host, '.');
	unsigned first;

	last = last ? last + 1 : host;
	return is_four(host, &first) || (host[0] != '.' && host[0] != '-' && !strstr(host, "..") &&
					 *last && strspn(last, DIGITS) == 0);
}

static bool read_host(const char **at, char host[256])
{
	bool six = **at == '[';
	size_t n;

	*at += six;
	n = strspn(*at, six ? DIGITS "abcdefABCDEF:" : LABEL ".");
	if (n == 0 || n >= 254)
		return false;
	memcpy(host, *at, n);
	host[n] = '\0';
	*at += n;
	if (!six)
		return is_name(host);
	return *(*at)++ == ']' && is_six(host);
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
	unsigned first;

	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       (is_four(host, &first) && first == 127);
}

bool km_sms_host_is_literal(const char *host)
{
	unsigned first;

	return is_four(host, &first) || is_six(host) || strcmp(host, "localhost") == 0;
}

/* Behind the host: '%' with two hexadecimal digits, and what needs no escape. */
static bool literal_fits(const char *p, size_t len, struct km_why *why)
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr(AFTER, p[i])) {
			const char sign[] = { p[i], '\0' };

			return KM_WHY(why, URL_CHARACTER, sign, (unsigned char)p[i]);
		}
		if (p[i] == '%' && (len - i < 3 || strspn(p + i + 1, "0123456789abcdefABCDEF") < 2))
			return KM_WHY(why, URL_PERCENT);
	}
	return true;
}

bool km_sms_url_fits(const struct km_sms_template *url, struct km_why *why)
{
	struct address a;
	size_t from;

	if (!read_address(url->text, &a))
		return KM_WHY(why, URL_FORM);
	if (!a.tls && !km_sms_host_is_loopback(a.host))
		return KM_WHY(why, URL_CLEAR);
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
