/*
 * The gateway's name: asked by c-ares on our loop, /etc/hosts first. libcurl's own resolver would
 * make a thread and go through NSS, whose modules may be anything; it gets addresses alone.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <kenmon/clock.h>

#include "sms_http.h"

#define GOOD_MS    30000 /* an address that was found is taken for so long */
#define TIMEOUT_MS 2000  /* of one question to one server */
#define TRIES      3

/* --- c-ares on the loop --------------------------------------------------------------------------
 */

static void set_timer(struct sms_http *http);

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct sms_http *http = arg;

	(void)source;
	ares_process_fd(http->names, events & ~(uint32_t)EPOLLOUT ? fd : ARES_SOCKET_BAD,
			events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	set_timer(http);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *arg)
{
	struct sms_http *http = arg;

	(void)source;
	(void)usec;
	ares_process_fd(http->names, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(http);
	return 0;
}

static void set_timer(struct sms_http *http)
{
	struct timeval tv, *next = ares_timeout(http->names, NULL, &tv);

	if (!next && http->names_timer)
		(void)sd_event_source_set_enabled(http->names_timer, SD_EVENT_OFF);
	else if (next && !sms_timer(http->event, &http->names_timer,
				    next->tv_sec * 1000 + next->tv_usec / 1000 + 1, on_time, http))
		ares_cancel(http->names);
}

static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct sms_http *http = arg;
	uint32_t events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0);
	struct sms_watch *w = NULL;

	for (size_t i = 0; i < SMS_WATCHES; i++)
		if (http->watch[i].source && http->watch[i].fd == fd)
			w = &http->watch[i];
	for (size_t i = 0; i < SMS_WATCHES && !w; i++)
		if (!http->watch[i].source)
			w = &http->watch[i];
	if (!w)
		return; /* more servers than anybody has: that question times out */
	if (events == 0)
		w->source = sd_event_source_disable_unref(w->source);
	else if (w->source)
		(void)sd_event_source_set_io_events(w->source, events);
	else if (sd_event_add_io(http->event, &w->source, fd, events, on_socket, http) >= 0)
		w->fd = fd;
}

bool sms_names_begin(struct sms_http *http)
{
	struct ares_options o = { .timeout = TIMEOUT_MS,
				  .tries = TRIES,
				  .lookups = (char[]){ "fb" },
				  .sock_state_cb = on_state,
				  .sock_state_cb_data = http };
	ares_channel fresh;

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
	    ares_init_options(&fresh, &o,
			      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
				  ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS)
		return false;
	sms_names_end(http);
	http->names = fresh;
	return true;
}

/* Open questions are answered: that they are dropped. */
void sms_names_end(struct sms_http *http)
{
	if (http->names)
		ares_destroy(http->names);
	http->names = NULL;
	for (size_t i = 0; i < SMS_WATCHES; i++)
		http->watch[i].source = sd_event_source_disable_unref(http->watch[i].source);
	http->names_timer = sd_event_source_disable_unref(http->names_timer);
}

/* --- one name
 * -------------------------------------------------------------------------------------- */

void sms_name_set(struct sms_name *name, const char *url)
{
	memset(name, 0, sizeof(*name));
	if (km_sms_url_host(url, name->host, &name->port) != KM_OK)
		return; /* cannot be: it was looked at; an empty name is not found */
	name->literal = km_sms_host_is_literal(name->host);
}

#define ADDRESS_TEXT 48

/* As an address stands in an URL; false: of another family. */
static bool format(const struct ares_addrinfo_node *n, char out[ADDRESS_TEXT])
{
	const struct sockaddr_in *four = (const void *)n->ai_addr;
	const struct sockaddr_in6 *six = (const void *)n->ai_addr;
	const uint8_t *b =
	    n->ai_family == AF_INET6 ? six->sin6_addr.s6_addr : (const uint8_t *)&four->sin_addr;

	if (n->ai_family == AF_INET)
		snprintf(out, ADDRESS_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else if (n->ai_family == AF_INET6)
		snprintf(
		    out, ADDRESS_TEXT,
		    "[%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x]",
		    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		    b[13], b[14], b[15]);
	return n->ai_family == AF_INET || n->ai_family == AF_INET6;
}

/* "HOST:PORT:ADDRESS,ADDRESS"; false where there is no address. */
static bool list(struct sms_name *name, const struct ares_addrinfo *found)
{
	int used = snprintf(name->resolve, sizeof(name->resolve), "%s:%u:", name->host, name->port);
	char text[ADDRESS_TEXT];
	unsigned count = 0;

	for (const struct ares_addrinfo_node *n = found->nodes; n; n = n->ai_next) {
		size_t left = sizeof(name->resolve) - (size_t)used;

		if (left > ADDRESS_TEXT + 1 && format(n, text))
			used +=
			    snprintf(name->resolve + used, left, "%s%s", count++ ? "," : "", text);
	}
	return count > 0;
}

struct sms_question {
	struct sms_http *http;
	struct sms_gateway *gateway; /* in which the name is */
	struct sms_name *name;
};

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	struct sms_question *q = arg;
	struct sms_http *http = q->http;

	(void)timeouts;
	q->name->asked = false;
	q->name->until_ms = 0;
	if (status == ARES_SUCCESS && found && list(q->name, found))
		q->name->until_ms = km_boot_ms() + GOOD_MS;
	if (found)
		ares_freeaddrinfo(found);
	if (!http->in_names)
		sms_jobs_named(http, q->name);
	sms_gateway_release(q->gateway);
	free(q);
}

static void ask(struct sms_http *http, struct sms_gateway *g, struct sms_name *name)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
						   .ai_socktype = SOCK_STREAM,
						   .ai_flags = ARES_AI_NOSORT };
	struct sms_question *q = calloc(1, sizeof(*q));

	if (!q)
		return;
	*q = (struct sms_question){ http, sms_gateway_keep(g), name };
	name->asked = true;
	http->in_names = true;
	ares_getaddrinfo(http->names, name->host, NULL, &hints, on_answer, q);
	http->in_names = false;
	set_timer(http);
}

enum sms_name_state sms_name_look(struct sms_http *http, struct sms_gateway *g,
				  struct sms_name *name)
{
	if (name->literal || name->until_ms > km_boot_ms())
		return SMS_NAME_KNOWN;
	if (!name->asked)
		ask(http, g, name);
	if (name->asked)
		return SMS_NAME_ASKED;
	return name->until_ms > km_boot_ms() ? SMS_NAME_KNOWN : SMS_NAME_FAILED;
}
