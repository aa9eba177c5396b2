/* libcurl's multi interface on the courier's loop. Jobs hear of an end from here alone. */
#include <errno.h>
#include <sys/epoll.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "sms_http.h"

#define USEC_PER_MS 1000u

/*
 * From now, and not from when this turn of the loop began, as sd-event's relative times are. A
 * whole millisecond is over after the next; what is due at once has no time to lose.
 */
bool sms_timer(sd_event *event, sd_event_source **source, int64_t ms,
	       sd_event_time_handler_t handler, void *arg)
{
	uint64_t at = (uint64_t)(km_boot_ms() + (ms > 0 ? ms + 1 : 0)) * USEC_PER_MS;

	if (!*source)
		return sd_event_add_time(event, source, CLOCK_BOOTTIME, at, USEC_PER_MS, handler,
					 arg) >= 0;
	return sd_event_source_set_time(*source, at) >= 0 &&
	       sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT) >= 0;
}

/* Whatever has ended. A job may end, and others with it, so each is taken out first. */
static void take_ended(struct sms_http *http)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(http->multi, &left)) != NULL) {
		CURLcode code = m->data.result;
		char *job = NULL;

		if (m->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &job) == CURLE_OK && job)
			sms_job_over((struct sms_job *)(void *)job, code);
	}
}

static void act(struct sms_http *http, curl_socket_t fd, int what)
{
	int running;

	if (curl_multi_socket_action(http->multi, fd, what, &running) != CURLM_OK)
		km_log(LOG_ERR, "libcurl's loop fails");
	take_ended(http);
}

static int on_time(sd_event_source *source, uint64_t usec, void *arg);

static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct sms_http *http = arg;

	(void)multi;
	if (ms < 0) {
		if (http->multi_timer)
			(void)sd_event_source_set_enabled(http->multi_timer, SD_EVENT_OFF);
		return 0;
	}
	return sms_timer(http->event, &http->multi_timer, ms, on_time, http) ? 0 : -1;
}

/* libcurl does not name the same moment twice: if we came too early, nobody would come again. */
static int on_time(sd_event_source *source, uint64_t usec, void *arg)
{
	struct sms_http *http = arg;
	long ms = -1;

	(void)source;
	(void)usec;
	act(http, CURL_SOCKET_TIMEOUT, 0);
	if (curl_multi_timeout(http->multi, &ms) == CURLM_OK && ms >= 0)
		(void)set_timer(http->multi, ms, http);
	return 0;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

	(void)source;
	act(arg, fd, what);
	return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *own)
{
	struct sms_http *http = arg;
	sd_event_source *source = own;
	uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
			  (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		(void)curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) >= 0 ? 0 : -1;
	if (sd_event_add_io(http->event, &source, fd, events, on_socket, http) < 0)
		return -1;
	return curl_multi_assign(http->multi, fd, source) == CURLM_OK ? 0 : -1;
}

bool sms_loop_begin(struct sms_http *http)
{
	http->multi = curl_multi_init();
	return http->multi &&
	       curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, set_socket) == CURLM_OK &&
	       curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
	       curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
	       curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
	       curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK;
}

void sms_loop_end(struct sms_http *http)
{
	if (http->multi)
		(void)curl_multi_cleanup(http->multi);
	http->multi = NULL;
	http->multi_timer = sd_event_source_disable_unref(http->multi_timer);
}
