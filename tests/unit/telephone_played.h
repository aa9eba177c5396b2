/*
 * A vault and a telephone in one process of their own, for a courier in the test's: the order is
 * given, the call is taken, or rings until it is cancelled, and what was heard lies in memory that
 * both share. No call of theirs fails.
 */
#ifndef KENMON_TEST_TELEPHONE_PLAYED_H
#define KENMON_TEST_TELEPHONE_PLAYED_H

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <kenmon/clock.h>
#include <kenmon/order.h>
#include <kenmon/sock.h>

#define PLAYED_ORDER_MS   2500  /* its deadline */
#define PLAYED_MOST_MS    6000  /* then the vault goes, whatever was heard */
#define PLAYED_LAST_MS    250   /* for a goodbye, once the order has ended */
#define PLAYED_PATIENT_MS 20000 /* each of the three, where nothing fails */

struct played_heard {
	unsigned ends, state, count, byes, cancels;
	char keys[KM_ORDER_KEYS + 1];
	bool back; /* a state came after the end, or went back */
	bool left; /* the courier closed the link first */
};

struct played {
	int link, sip, rtp;
	bool cancel; /* rings, until the vault cancels */
	bool patient;
	struct played_heard *heard;
	struct sockaddr_in caller; /* of SIP */
	uint16_t port, media;      /* ours; the caller's, of sound */
	int64_t end_ms;
};

static inline int played_ms(const struct played *p, int ms)
{
	return p->patient ? PLAYED_PATIENT_MS : ms;
}

static inline int played_socket(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 &&
		    getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* --- SIP --------------------------------------------------------------------------------- */

static inline void played_copy(const char *request, const char *name, const char *behind, char *out,
			       size_t cap)
{
	const char *line = strstr(request, name), *end = line ? strstr(line + 2, "\r\n") : NULL;
	size_t used = strlen(out);

	if (end)
		snprintf(out + used, cap - used, "%.*s%s", (int)(end - line), line, behind);
}

static inline void played_reply(struct played *p, const char *request, const char *status,
				const char *body)
{
	char out[2048] = "";
	size_t used;

	snprintf(out, sizeof(out), "SIP/2.0 %s", status);
	played_copy(request, "\r\nVia:", "", out, sizeof(out));
	played_copy(request, "\r\nFrom:", "", out, sizeof(out));
	played_copy(request, "\r\nTo:", strstr(status, "180") || *body ? ";tag=us" : "", out,
		    sizeof(out));
	played_copy(request, "\r\nCall-ID:", "", out, sizeof(out));
	played_copy(request, "\r\nCSeq:", "", out, sizeof(out));
	used = strlen(out);
	snprintf(out + used, sizeof(out) - used,
		 "\r\nContact: <sip:us@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 p->port, strlen(body), body);
	sendto(p->sip, out, strlen(out), 0, (struct sockaddr *)&p->caller, sizeof(p->caller));
}

static inline void played_answer(struct played *p, const char *request)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	char sdp[400];

	getsockname(p->rtp, (struct sockaddr *)&at, &len);
	snprintf(sdp, sizeof(sdp),
		 "v=0\r\no=u 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
		 "m=audio %u RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
		 "a=rtpmap:101 telephone-event/8000\r\n",
		 ntohs(at.sin_port));
	played_reply(p, request, "200 OK", sdp);
}

/* "42#", each key three times, as RFC 4733 has its end. */
static inline void played_keys(struct played *p)
{
	static const uint8_t events[] = { 4, 2, 11 };
	struct sockaddr_in to = p->caller;

	to.sin_port = htons(p->media);
	for (uint8_t i = 0; i < 9; i++) {
		const uint8_t rtp[16] = {
			0x80, 101,           0,    i, 0, 0, (uint8_t)(i / 3 + 1), 0, 0, 0, 0,
			7,    events[i / 3], 0x8a, 2, 0
		};

		sendto(p->rtp, rtp, sizeof(rtp), 0, (struct sockaddr *)&to, sizeof(to));
	}
}

static inline void played_request(struct played *p)
{
	char text[4096];
	socklen_t len = sizeof(p->caller);
	ssize_t n =
	    recvfrom(p->sip, text, sizeof(text) - 1, 0, (struct sockaddr *)&p->caller, &len);
	const char *media;

	text[n > 0 ? n : 0] = '\0';
	if (strncmp(text, "INVITE ", 7) == 0) {
		media = strstr(text, "m=audio ");
		p->media = (uint16_t)(media ? strtoul(media + 8, NULL, 10) : 9);
		played_reply(p, text, "180 Ringing", "");
		if (!p->cancel)
			played_answer(p, text);
	} else if (strncmp(text, "ACK ", 4) == 0) {
		played_keys(p);
	} else if (strncmp(text, "BYE ", 4) == 0) {
		p->heard->byes++;
		played_reply(p, text, "200 OK", "");
	} else if (strncmp(text, "CANCEL ", 7) == 0) {
		p->heard->cancels++;
		played_reply(p, text, "200 OK", "");
	}
}

/* --- the vault --------------------------------------------------------------------------- */

static inline void played_order(struct played *p)
{
	struct km_msg m = { .number = KM_MSG_ORDER,
			    .order = { .order = 1,
				       .kind = KM_ORDER_KEYPAD,
				       .keys = 6,
				       .until = km_boot_ms() + played_ms(p, PLAYED_ORDER_MS) } };

	strcpy(m.order.number, "+81312345678");
	(void)!km_send_msg(p->link, &m, -1, 0);
}

/* False: the courier has closed the link. */
static inline bool played_news(struct played *p)
{
	const struct km_msg stop = { .number = KM_MSG_CANCEL, .cancel = { .order = 1 } };
	struct played_heard *heard = p->heard;
	uint8_t frame[512];
	struct km_msg m;
	size_t len = 0;

	if (km_recv(p->link, frame, sizeof(frame), &len, NULL, NULL, 0) != KM_OK ||
	    km_decode(frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, &m) != KM_OK)
		return false;
	heard->back |= heard->ends > 0 || m.ordered.state <= heard->state;
	heard->state = m.ordered.state;
	if (p->cancel && heard->state == KM_ORDER_STATE_RINGING)
		(void)!km_send_msg(p->link, &stop, -1, 0);
	if (!km_order_state_ends(heard->state))
		return true;
	heard->ends++;
	heard->count = m.ordered.count;
	memcpy(heard->keys, m.ordered.keys, heard->count);
	p->end_ms = km_boot_ms() + played_ms(p, PLAYED_LAST_MS);
	return true;
}

static inline void played_run(struct played *p)
{
	struct pollfd ready[2] = { { .fd = p->link, .events = POLLIN },
				   { .fd = p->sip, .events = POLLIN } };
	int64_t left;

	p->end_ms = km_boot_ms() + played_ms(p, PLAYED_MOST_MS);
	played_order(p);
	while ((left = p->end_ms - km_boot_ms()) > 0) {
		if (p->heard->ends > 0 && p->heard->byes + p->heard->cancels > 0)
			return;
		if (poll(ready, 2, (int)left) < 1)
			continue;
		if (ready[1].revents)
			played_request(p);
		if (ready[0].revents && !played_news(p)) {
			p->heard->left = true;
			return;
		}
	}
}

/* Starts it; *port is the server's. p.link is taken; others is the courier's end. */
static inline pid_t played_start(struct played p, int others, uint16_t *port)
{
	uint16_t media;
	pid_t pid;

	p.sip = played_socket(port);
	p.port = *port;
	p.rtp = played_socket(&media);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(others); /* else it would never be seen to go */
		played_run(&p);
		_exit(0);
	}
	close(p.link);
	close(p.sip);
	close(p.rtp);
	return pid;
}

#endif
